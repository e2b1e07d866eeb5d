"""Sends files or a folder with PyPI's pydcm:  python pydcm_send.py PORT PATH

As its documentation says for files: the contexts they need, one association, ``send_c_store`` of each path in a loop.
Its engine is in C++, which reads and sends a file without making a data set of it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

from pydcm.dimse import AE


def files_of(path: str) -> Iterator[str]:
    """The files in the order in which the system lists them."""
    if not os.path.isdir(path):
        yield path
        return
    with os.scandir(path) as entries:
        for entry in entries:
            yield from files_of(entry.path)


def main() -> int:
    port, root = sys.argv[1:]
    paths = list(files_of(root))
    entity = AE(ae_title="PYDCM")
    entity.add_requested_contexts_for_files(paths)
    association = entity.associate("127.0.0.1", int(port), ae_title="ANY-SCP")
    if not association.is_established:
        return 2
    failed = sum(association.send_c_store(path).Status != 0 for path in paths)
    association.release()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
