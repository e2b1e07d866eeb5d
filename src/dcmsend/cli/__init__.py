"""Reads DCMTK's command line, builds the settings of a run, and maps its end to an exit code."""
