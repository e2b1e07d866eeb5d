"""Random command lines, DCMTK's dcmsend and ours, and what differs that no deviation explains."""
