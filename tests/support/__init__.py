"""What several test folders need: messages made by hand, and a plain client over a TLS socket."""
