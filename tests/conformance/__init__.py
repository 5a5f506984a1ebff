"""The official test cases, replayed against the gateway and scored: what conforms is measured, not believed."""
