"""Long random tests that anyone can run: against DCMTK's program (``compare``), and over many nights (``folders``)."""
