"""The only I/O towards clients: processes, listening sockets, TLS and the connections on them."""
