"""The benchmark: the gateway and PyKMIP's server under the same load, beside what the bare token does.

Run by hand, never by the test suite: `python -m tests.bench`. Quote its medians and ratios, from one run.
"""
