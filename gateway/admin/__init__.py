"""What the command line's verbs do; the command line itself is `gateway.__main__`."""
