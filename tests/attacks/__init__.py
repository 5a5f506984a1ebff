"""Attacks on the keys of the gateway by what any client may ask: legal KMIP, and nothing else."""
