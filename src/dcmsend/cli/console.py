"""The process of the installed command, from its first instruction of ours to its exit code."""

from __future__ import annotations

import signal

__all__ = ["console"]

# Until the run has handlers of its own, Ctrl-C ends the process as it ends a C program: without a traceback, which
# Python would print for what is still being imported.
if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def console() -> None:
    """The installed command: ``main``, and then the end of the process with its exit code.

    Taking the interpreter apart takes as long as half of a small run, and longer with a hundred thousand instances in
    memory, so the process ends as soon as everything is written.
    """
    import gc
    import os
    import sys
    from contextlib import suppress

    from .main import main

    gc.disable()  # what is imported stays; ``main`` switches it on again where it is needed
    code = main()
    logging = sys.modules.get("logging")
    if logging is not None:
        logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):  # perhaps nobody listens any more
            stream.flush()
    os._exit(code)
