"""Nights with a web service behind a network that fails: ``scripts/soak_web``."""
