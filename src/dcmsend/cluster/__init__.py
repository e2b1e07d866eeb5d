"""Carries a run over the workers of a Dask cluster."""
