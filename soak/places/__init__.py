"""Nights over object stores that stall, cut, refuse and change what they have."""
