"""The process of the installed command, from its first instruction to its exit code."""

from __future__ import annotations

import signal

__all__ = ["console"]

# Until the run has its own handlers, Ctrl-C ends the process as it ends a C program: without the traceback that Python
# would print during an import.
if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def console() -> None:
    """The installed command: run ``main``, then end the process with its exit code.

    Shutting the interpreter down takes as long as half of a small run, and longer with a hundred thousand instances in
    memory.  So the process ends as soon as everything is written.
    """
    import gc
    import os
    import sys
    from contextlib import suppress

    from .main import main

    gc.disable()  # imported objects stay anyway; ``main`` switches the collector on again where it is needed
    code = main()
    logging = sys.modules.get("logging")
    if logging is not None:
        logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):  # the stream may be closed
            stream.flush()
    os._exit(code)
