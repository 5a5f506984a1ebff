"""The benchmark: the gateway, over TLS and HTTPS, and PyKMIP's server under the same load, beside the bare token.

Run by hand, never by the test suite: `python -m tests.bench`. Quote its medians and ratios, from one run.
"""
