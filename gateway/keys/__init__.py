"""Asymmetric keys in the formats of KMIP: a table of readers and one of writers for each half of a pair.

In between a key is an object of `cryptography`. The token's own forms, PKCS#8 and SubjectPublicKeyInfo, are two of the
formats (KMIP 2.1 section 3.3 Transparent Key Structures and section 11.25 Key Format Type).
"""
