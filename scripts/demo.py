"""The second half of scripts/demo: a receiver on a free port of 127.0.0.1, the dcmsend command, and the result."""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from demo_story import tell_story
from pydicom.uid import UID
from pynetdicom import AE, _config, evt

DATA = Path("tests/data")
# Segmentations, reports, slide microscopy, a PDF, waveforms; native, deflated, RLE, JPEG, JPEG-LS and JPEG 2000.
FOLDERS = [DATA / name for name in ("highdicom", "dcmqi", "dcmjs-dimse", "dicomParser", "pylibjpeg-data")]

received: list[tuple[str, str, str, int]] = []


def handle_store(event: evt.Event) -> int:
    """Record class, instance, transfer syntax and size of each object."""
    data_set = event.request.DataSet.getvalue()
    request = event.request
    received.append(
        (
            str(request.AffectedSOPClassUID),
            str(request.AffectedSOPInstanceUID),
            str(event.context.transfer_syntax),
            len(data_set),
        )
    )
    return 0x0000


def main() -> int:
    """Run the demonstration; return 0 when every file has arrived."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--story", action="store_true", help="show a migration that is killed, goes on and is proven; takes two minutes"
    )
    if parser.parse_args().story:
        return tell_story(Path("build/story"), count=200, lost_count=3)
    files = [path for folder in FOLDERS for path in folder.rglob("*") if path.is_file()]
    _config.UNRESTRICTED_STORAGE_SERVICE = True
    server = AE(ae_title="DEMO").start_server(
        ("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, handle_store)]
    )
    port = server.socket.getsockname()[1]
    print(f"== a DICOM receiver listens on 127.0.0.1:{port}\n")
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.txt"
        options = ["+sd", "+r", "-v", "+crf", str(report), "-aec", "DEMO"]
        command = ["dcmsend", *options, "127.0.0.1", str(port), *map(str, FOLDERS)]
        print(f"$ {shlex.join(command)}", flush=True)
        sent = subprocess.run([str(Path(sys.executable).with_name("dcmsend")), *command[1:]], check=False, timeout=300)
        server.shutdown()
        if not report.exists():
            print(f"\ndcmsend ended with exit code {sent.returncode} and wrote no report")
            return 1
        text = report.read_text(errors="replace")
    print(f"\n== the end of its report ({len(text.splitlines())} lines)\n")
    print(text[text.rindex("Status Summary") :])
    print(f"\n== what the receiver got: {len(received)} objects from {len(files)} files\n")
    for sop_class, instance, transfer_syntax, size in received:
        print(f"{size:>9,} bytes  {UID(sop_class).name} | {UID(transfer_syntax).name}\n{'':17}{instance}")
    kinds = Counter(transfer_syntax for _, _, transfer_syntax, _ in received)
    print(f"\n{len(kinds)} transfer syntaxes; dcmsend ended with exit code {sent.returncode}")
    if sent.returncode != 0 or len(received) != len(files):
        print(f"FAILED: {len(files) - len(received)} of {len(files)} files did not arrive")
        return 1
    print("Everything arrived.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
