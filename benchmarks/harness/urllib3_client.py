"""The least that stores by STOW-RS with urllib3: the bytes are in memory before the first request.

    python urllib3_client.py URL CONNECTIONS BATCH FILE...

Each request has BATCH files.  Prints the seconds of the processor that the requests alone have taken.
"""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import urllib3

BOUNDARY = "0123456789abcdef0123456789abcdef"
HEADERS = {
    "Content-Type": f'multipart/related; type="application/dicom"; boundary={BOUNDARY}',
    "Accept": "application/dicom+json",
}


def body_of(paths: list[str]) -> bytes:
    """The body of one request."""
    head = f"--{BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n".encode()
    parts = b"".join(head + Path(path).read_bytes() + b"\r\n" for path in paths)
    return parts + f"--{BOUNDARY}--\r\n".encode()


def main(url: str, connections: int, batch: int, paths: list[str]) -> None:
    bodies = [body_of(paths[start : start + batch]) for start in range(0, len(paths), batch)]
    before = time.process_time()
    with urllib3.PoolManager(maxsize=connections, retries=False) as pool, ThreadPoolExecutor(connections) as threads:

        def store(body: bytes) -> None:
            answer = pool.request("POST", f"{url}/studies", body=body, headers=HEADERS)
            assert answer.status == 200, answer.status

        list(threads.map(store, bodies))
    print(time.process_time() - before)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
