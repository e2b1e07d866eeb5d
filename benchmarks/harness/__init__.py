"""The parts of ``benchmarks/run``: trees of files, senders, receivers, cases, measuring, tables and plots."""
