"""Nights over a cluster of Dask whose programs are killed, stopped and asked to end."""
