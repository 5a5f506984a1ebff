"""Who did what: records in chained files, checkpoints over them, and how both are read and verified.

The rule of the room: a record says what was asked and what came of it, and never key material, the value of an
attribute, or bytes of a message.
"""
