"""Runs that take longer than CI has: started by a command, their figures reported; CI runs a short piece of each."""
