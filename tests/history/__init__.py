"""Recorded histories of concurrent clients, and whether some order of one request after the other explains them."""
