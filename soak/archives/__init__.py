"""Nights over archives: runs that are killed and interrupted while they send what lies in zip and tar archives."""
