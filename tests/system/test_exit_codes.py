"""The exit code for each troublesome real file alone is DCMTK's."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.corpus import corpus
from support.peers import storescp
from support.run import run

# DCMTK 3.6.7 rejects these syntaxes (22); we offer them, and this peer declines, which ends with 0 in both.
YOUNGER = ("1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.203", "1.2.840.10008.1.2.8.1")
NEEDS_A_DECODER = "1.2.840.10008.1.2.4.57"  # this peer wants it decompressed, which DCMTK can do


@pytest.mark.peer("dcmtk")
def test_exit_code_of_each_troublesome_file(dcmsend: str, tmp_path: Path) -> None:
    files = [file for file in corpus() if file.valid != "yes" or file.dcmtk_exit != 0]
    files = [file for file in files if file.transfer_syntax != NEEDS_A_DECODER]
    expected = {file.name: 0 if file.transfer_syntax in YOUNGER else file.dcmtk_exit for file in files}
    with storescp(tmp_path, "--fork", "+xa", "-pm", "--ignore") as peer:
        codes = {file.name: run(dcmsend, "127.0.0.1", peer.port, file.path).exit_code for file in files}
    assert codes == expected
