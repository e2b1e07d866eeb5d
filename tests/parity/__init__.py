"""Runs DCMTK's dcmsend and ours side by side against the same scripted peer."""
