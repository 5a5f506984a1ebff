"""Tests of gateway.keys and keyblocks: pure, no token."""
