"""Fuzzing that is led by what of the gateway each input reaches (atheris, libFuzzer)."""
