"""The token room: the only place that speaks PKCS#11, and it does so in worker processes that hold no client."""
