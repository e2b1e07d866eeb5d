"""Large inputs made from nothing: trees of many tiny files, files with a hole of any size for Pixel Data."""

from __future__ import annotations

from pathlib import Path

from support.fixture_files import EI, UID_ROOT, explicit_element, meta_header

__all__ = ["SR_CLASS", "tiny_instance_uid", "write_multi_frame", "write_tree"]

SR_CLASS = "1.2.840.10008.5.1.4.1.1.88.11"
MULTI_FRAME_CLASS = "1.2.840.10008.5.1.4.1.1.7.3"


def tiny_instance_uid(number: int) -> str:
    """SOP Instance UID of the file ``number`` of a tree; all have the same length."""
    return f"{UID_ROOT}.20.{number + 10_000_000}"


def _head(sop_class_uid: str, sop_instance_uid: str, modality: str) -> bytes:
    return (
        meta_header(sop_class_uid, sop_instance_uid, EI)
        + explicit_element(0x0008, 0x0016, "UI", sop_class_uid.encode(), pad=b"\0")
        + explicit_element(0x0008, 0x0018, "UI", sop_instance_uid.encode(), pad=b"\0")
        + explicit_element(0x0008, 0x0060, "CS", modality.encode())
        + explicit_element(0x0010, 0x0010, "PN", b"Many^Files")
        + explicit_element(0x0010, 0x0020, "LO", b"0001")
        + explicit_element(0x0020, 0x000D, "UI", f"{UID_ROOT}.21".encode(), pad=b"\0")
        + explicit_element(0x0020, 0x000E, "UI", f"{UID_ROOT}.22".encode(), pad=b"\0")
    )


def write_tree(root: Path, count: int, *, per_directory: int = 500) -> None:
    """``count`` Basic Text SR files of about 600 bytes, ``per_directory`` in each sub-directory."""
    placeholder = tiny_instance_uid(0).encode()
    content = _head(SR_CLASS, placeholder.decode(), "SR")
    for number in range(count):
        if number % per_directory == 0:
            directory = root / f"{number // per_directory:04d}"
            directory.mkdir(parents=True)
        uid = tiny_instance_uid(number).encode()
        (directory / f"{number:08d}.dcm").write_bytes(content.replace(placeholder, uid))


def write_multi_frame(path: Path, pixel_data_length: int, *, number: int = 1) -> int:
    """One word multi-frame image whose Pixel Data is a hole in the file; gives the length of the data set."""
    uid = f"{UID_ROOT}.30.{number}"
    head = _head(MULTI_FRAME_CLASS, uid, "OT")
    image = b""
    frames = str(pixel_data_length // (512 * 512 * 2)).encode()
    for element, vr, value in (
        (0x0002, "US", (1).to_bytes(2, "little")),
        (0x0004, "CS", b"MONOCHROME2"),
        (0x0008, "IS", frames),
        (0x0010, "US", (512).to_bytes(2, "little")),
        (0x0011, "US", (512).to_bytes(2, "little")),
        (0x0100, "US", (16).to_bytes(2, "little")),
        (0x0101, "US", (16).to_bytes(2, "little")),
        (0x0102, "US", (15).to_bytes(2, "little")),
        (0x0103, "US", (0).to_bytes(2, "little")),
    ):
        image += explicit_element(0x0028, element, vr, value)
    pixel_data = b"\xe0\x7f\x10\x00OW\0\0" + pixel_data_length.to_bytes(4, "little")
    meta = meta_header(MULTI_FRAME_CLASS, uid, EI)
    with path.open("wb") as file:
        file.write(head + image + pixel_data)
        file.truncate(file.tell() + pixel_data_length)
        return file.seek(0, 2) - len(meta)
