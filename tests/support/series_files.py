"""Small complete files of several studies and series."""

from __future__ import annotations

from pathlib import Path

from support.fixture_files import CT_CLASS, EI, explicit_element, meta_header
from support.sending import instance_uid, tiny_data_set

__all__ = ["write_series"]


def write_series(folder: Path, names: list[tuple[str, str]]) -> list[Path]:
    """A file for each (study, series), with a sequence before the UIDs that holds UIDs of others."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, (study, series) in enumerate(names, start=1):
        other = explicit_element(0x0020, 0x000E, "UI", b"1.2.3.999", pad=b"\0")
        item = b"\xfe\xff\x00\xe0\xff\xff\xff\xff" + other + b"\xfe\xff\x0d\xe0\0\0\0\0"
        sequence = b"\x08\x00\x15\x11SQ\0\0\xff\xff\xff\xff" + item + b"\xfe\xff\xdd\xe0\0\0\0\0"
        head, patient = tiny_data_set(number)[:-22], tiny_data_set(number)[-22:]
        data = head + sequence + patient
        data += explicit_element(0x0020, 0x000D, "UI", study.encode(), pad=b"\0")
        data += explicit_element(0x0020, 0x000E, "UI", series.encode(), pad=b"\0")
        path = folder / f"{number:04d}"
        path.write_bytes(meta_header(CT_CLASS, instance_uid(number), EI) + data)
        paths.append(path)
    return paths
