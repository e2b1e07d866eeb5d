"""Nights with storage commitment in which sender and archive are killed."""
