"""What people write: pydicom reads the files, dicomweb-client (which uses requests) stores them.

    python dicomweb_client_program.py URL BATCH FILE...
"""

from __future__ import annotations

import sys

from dicomweb_client.api import DICOMwebClient
from pydicom import dcmread


def main(url: str, batch: int, paths: list[str]) -> None:
    client = DICOMwebClient(url)
    for start in range(0, len(paths), batch):
        client.store_instances([dcmread(path) for path in paths[start : start + batch]])


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3:])
