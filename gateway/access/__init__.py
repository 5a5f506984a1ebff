"""Who a client is and what it may do: pure functions of rows, no I/O."""
