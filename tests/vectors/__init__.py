"""Golden bytes: each message in a file of its own, every field on a line with what it is."""
