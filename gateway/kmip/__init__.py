"""What the KMIP standard says, as data: names, structures, attribute rules, life cycle. No bytes and no I/O."""
