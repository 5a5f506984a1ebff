"""A KMIP server that keeps and uses its keys in a PKCS#11 HSM."""

__version__ = "0.1.0"
