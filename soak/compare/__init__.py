"""Runs random command lines with DCMTK's dcmsend and with ours, and finds differences that no deviation explains."""
