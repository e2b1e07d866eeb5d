"""Long random tests that anybody can run: against DCMTK's program (``compare``), and over many nights (``folders``)."""
