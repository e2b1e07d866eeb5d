#!/usr/bin/env python3
"""How fast objects of a store are sent, beside a program that fetches them one by one with s3fs, in turns.

    python benchmarks/places.py --instances 500 --rounds 5

The objects are CT images of 0.5 MB.  nginx serves them as a store that costs nothing: it answers GET with the file, and
the list of the bucket with a file that was written before.  A line holds back every byte so that a round trip takes
10 ms.  Each run of ours is a whole `dcmsend` process that lists the bucket and sends everything to the null sink;
"local files" is the same command with the directory.  The program beside it only fetches, and sends nothing at all, so
the quotients are rather too small.  s3fs and obstore have to be installed beside dcmsend, and nginx on this machine;
everything stays in a temporary folder of it.
"""

from __future__ import annotations

import argparse
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.utils import formatdate
from pathlib import Path
from typing import NamedTuple

from archives import PIXELS, Measured, image
from harness.ports import free_port
from harness.programs import Programs, clean_environment

TESTS = Path(__file__).resolve().parent.parent / "tests"
sys.path.insert(0, str(TESTS))

from support.programs import installed_dcmsend  # noqa: E402

ONE_WAY_MICROSECONDS = "5000"
BUCKET = "bench"
ENVIRONMENT = {"AWS_ACCESS_KEY_ID": "nobody", "AWS_SECRET_ACCESS_KEY": "nothing", "AWS_DEFAULT_REGION": "us-east-1"}

NGINX = """
worker_processes 1; daemon off; error_log {folder}/error.log; pid {folder}/pid;
events {{ worker_connections 256; }}
http {{
  access_log off; sendfile on; keepalive_requests 100000; default_type application/octet-stream;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port}; root {folder};
    location = /{bucket} {{ types {{ }} default_type application/xml; try_files /list.xml =404; }}
    location = /{bucket}/ {{ types {{ }} default_type application/xml; try_files /list.xml =404; }}
  }}
}}
"""

NAIVE = """
import sys
import s3fs
store = s3fs.S3FileSystem(endpoint_url=sys.argv[1], skip_instance_cache=True)
total = 0
for name in store.find("bench"):
    total += len(store.cat_file(name))
print(total)
"""


class Line(NamedTuple):
    """The address of the store, with latency."""

    url: str
    sink: str


def write(folder: Path, count: int) -> None:
    """The objects, and the list of the bucket."""
    noise = random.Random(1).randbytes(2 * PIXELS)
    bucket = folder / BUCKET
    bucket.mkdir()
    rows = []
    for number in range(1, count + 1):
        path = bucket / f"{number:06}.dcm"
        path.write_bytes(image(number, noise))
        found = path.stat()
        seconds = int(found.st_mtime)
        when = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(seconds))
        etag = f"{seconds:x}-{found.st_size:x}"  # as nginx makes it
        rows.append(
            f"<Contents><Key>{path.name}</Key><LastModified>{when}</LastModified><ETag>&quot;{etag}&quot;</ETag>"
            f"<Size>{found.st_size}</Size><StorageClass>STANDARD</StorageClass></Contents>"
        )
    (folder / "list.xml").write_text(
        '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<Name>{BUCKET}</Name><Prefix></Prefix><KeyCount>{count}</KeyCount><MaxKeys>1000</MaxKeys>"
        f"<IsTruncated>false</IsTruncated>{''.join(rows)}</ListBucketResult>"
    )


@contextmanager
def served(programs: Programs, folder: Path) -> Iterator[Line]:
    """The store behind its line, and the null sink."""
    nginx = programs.find("nginx") or shutil.which("nginx")
    if nginx is None:
        raise SystemExit("nginx is not installed")
    port = free_port()
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port, bucket=BUCKET))
    measure, receivers = programs.compiled("measure"), programs.receiver_processors
    pipes: dict[str, int] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    words = [nginx, "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
    store = subprocess.Popen([measure, "--serve", receivers, *words], **pipes)
    line = subprocess.Popen(
        [measure, "--serve", receivers, programs.compiled("delay_proxy"), str(port), ONE_WAY_MICROSECONDS],
        text=True, **pipes,
    )  # fmt: skip
    sink = subprocess.Popen([measure, "--serve", receivers, programs.compiled("null_sink")], text=True, **pipes)
    try:
        wait_for(port)
        assert line.stdout is not None
        assert sink.stdout is not None
        yield Line(f"http://127.0.0.1:{line.stdout.readline().split()[1]}", sink.stdout.readline().split()[1])
    finally:
        for each in (sink, line, store):
            each.kill()
            each.wait()


def wait_for(port: int) -> None:
    end = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
        else:
            return


def measured(programs: Programs, folder: Path, argv: list[str]) -> Measured:
    """One whole process, on the sender's processors."""
    result, words = folder / "result", folder / "words"
    command = [programs.compiled("measure"), str(result), "600", programs.sender_processors, *argv]
    with words.open("wb") as output:
        subprocess.run(
            command, check=True, stdout=output, stderr=subprocess.STDOUT, env=clean_environment(**ENVIRONMENT)
        )
    wall, user, system, peak, code = result.read_text().split()
    if code != "0":
        raise RuntimeError(f"{argv[0]} ended with exit code {code}: {words.read_text()[-1000:]}")
    return Measured(float(wall), float(user) + float(system), int(peak) / 1024)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--instances", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    if not 1 <= options.instances <= 1000:
        parser.error("a page of a list has 1 to 1000 objects")
    with tempfile.TemporaryDirectory(prefix="dcmsend-places-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        programs = Programs(Path(installed_dcmsend()), folder / "cache")
        write(folder, options.instances)
        with served(programs, folder) as line:
            text, is_reached = report(measure(programs, folder, line, options.rounds), options.instances)
    print(text)
    return 0 if is_reached else 1


def measure(programs: Programs, folder: Path, line: Line, rounds: int) -> dict[str, list[Measured]]:
    """All programs in turns, in an order by chance."""
    ours = [str(programs.dcmsend), "+sd", "127.0.0.1", line.sink]
    s3 = ["--storage-option", f"endpoint_url={line.url}"]
    web = ["--files-from", str(folder / "addresses")]
    (folder / "addresses").write_text(
        "".join(f"{line.url}/{BUCKET}/{path.name}\n" for path in sorted((folder / BUCKET).iterdir()))
    )
    commands = {
        "local files": [*ours, str(folder / BUCKET)],
        "s3fs, one by one": [programs.interpreter, "-c", NAIVE, line.url],
        "dcmsend, s3fs": [*ours, *s3, f"s3://{BUCKET}/"],
        "dcmsend, obstore": [*ours, *s3, "--storage-option", "backend=obstore", f"s3://{BUCKET}/"],
        "dcmsend, https": [*ours, *web],
    }
    runs: dict[str, Callable[[], Measured]] = {
        name: (lambda argv=argv: measured(programs, folder, argv)) for name, argv in commands.items()
    }
    for each in runs.values():
        each()
    found: dict[str, list[Measured]] = {name: [] for name in runs}
    chance = random.Random(1)
    for _ in range(rounds):
        for name in chance.sample(list(runs), len(runs)):
            found[name].append(runs[name]())
    return found


def report(found: dict[str, list[Measured]], count: int) -> tuple[str, bool]:
    """Medians, and the quotients that count; whether they are as wanted."""
    is_reached = True
    lines = [f"{count} images, {count * PIXELS / 1e6:.0f} MB, a round trip of 10 ms to the store ({formatdate()})"]
    for name, runs in found.items():
        wall, cpu = (statistics.median(run[place] for run in runs) for place in (0, 1))
        memory = max(run.memory for run in runs)
        lines.append(f"{name:20} {wall:7.3f} s, {count / wall:6.0f}/s, {cpu:.2f} s of the processor, {memory:.0f} MB")
    naive = found["s3fs, one by one"]
    for name, wanted in (("dcmsend, s3fs", 5.0), ("dcmsend, obstore", 10.0)):
        each = [theirs.wall / ours.wall for ours, theirs in zip(found[name], naive, strict=True)]
        is_reached = is_reached and statistics.median(each) >= wanted
        lines.append(
            f"{name} has {statistics.median(each):.1f} times the speed of s3fs one by one (worst round "
            f"{min(each):.1f}), at least {wanted:.0f} is wanted"
        )
    return "\n".join(lines), is_reached


if __name__ == "__main__":
    raise SystemExit(main())
