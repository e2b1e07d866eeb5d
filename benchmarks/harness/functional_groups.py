"""The functional groups of one frame of an Enhanced MR, as a scanner of a large vendor writes them: the groups of the
standard, and a private sequence with a whole classic MR header in it.  Source: PS3.3 C.7.6.16, C.8.13.5.
"""

from __future__ import annotations

import re

from .encoding import element, sequence, short_text

__all__ = ["functional_groups"]

_Rows = list[tuple[int, str, str | int | float]]

_PRIVATE_HEADER = """
00080008CS28 00080018UI52 00080023DA8 00080033TM10 00180020CS2 00180021CS2 00180023CS2 00180050DS2 00180081DS4
00180082DS2 00180083DS2 00180084DS10 00180085SH2 00180086IS2 00180088DS2 00180091IS2 00181081IS2 00181082IS2
00181083IS2 00181084IS2 00181088IS2 00181310US8 00181314DS2 00189064CS6 00189147CS0 00200012IS2 00200013IS2
00200032DS50 00200100IS2 00200105IS2 00280030DS4 00281052DS2 00281053DS16 00281054LO10 20010010LO22 20011001FL4
20011002IS2 20011003FL4 20011004CS0 20011006CS2 20011007CS2 20011008IS2 20011009FL4 2001100aIS2 20011052UI0
200110f1FL24 20050010LO26 20050014LO26 20050015LO26 2005100bFL4 2005100cFL4 2005100dFL4 2005100eFL4 20051011CS2
20051061CS2 20051063SS2 2005106eCS4 200510a0FL4 200510a1CS8 200510a8DS2 200510b0FL4 200510b1FL4 200510b2FL4
20051407SS2 20051412IS2 20051413IS2 20051429CS0 20051561FL4 20051568IS2 20051572FL4 20051573IS2
"""
"""Tag, VR and length of each element."""


def functional_groups(frame: int) -> tuple[bytes, int]:
    """The item of (5200,9230) for one frame, without its delimiters, and how many elements it has."""
    standard = _standard_groups(frame)
    encoded = b"".join(sequence(tag, [short_text(*rows)]) for tag, rows in standard.items())
    count = sum(1 + len(rows) for rows in standard.values())
    described = re.findall(r"([0-9a-f]{8})([A-Z]{2})(\d+)", _PRIVATE_HEADER)
    private = b"".join(element(int(tag, 16), vr, _filler(vr, int(length))) for tag, vr, length in described)
    encoded += element(0x20050014, "LO", "BENCHMARKS 005") + sequence(0x2005140F, [private])
    return encoded, count + 2 + len(described)


def _filler(vr: str, length: int) -> bytes:
    if vr in ("FL", "SS", "US"):
        return bytes(length)
    if vr == "UI":
        return b"1.2.826.0.1.3680043.10.543.1234567890.1234567890.123"[:length]
    return (b"1" if vr in ("DS", "IS", "DA", "TM") else b"N") * length


def _standard_groups(frame: int) -> dict[int, _Rows]:
    time = f"20200101120{frame % 1000:03d}.000"
    return {
        0x00189114: [(0x00189082, "FD", 30.0)],
        0x00189152: [(0x00189080, "ST", "WATER")],
        0x00189226: [
            (0x00089007, "CS", "ORIGINAL\\PRIMARY\\T1\\M"), (0x00089205, "CS", "MONOCHROME"),
            (0x00089206, "CS", "VOLUME"), (0x00089207, "CS", "NONE"), (0x00089208, "CS", "MAGNITUDE"),
            (0x00089209, "CS", "T1"),
        ],
        0x00209111: [
            (0x00189074, "DT", time), (0x00189151, "DT", time), (0x00189220, "FD", 2000.0), (0x00209056, "SH", "1"),
            (0x00209057, "UL", frame + 1), (0x00209128, "UL", frame + 1), (0x00209157, "UL", frame + 1),
        ],
        0x00209113: [(0x00200032, "DS", f"-127.24297738075\\-119.77660465240\\-{frame}.354590835260")],
        0x00209116: [(0x00200037, "DS", "1\\0\\2.7425248845E-05\\0\\1\\0")],
        0x00289110: [(0x00180050, "DS", "4"), (0x00180088, "DS", "4"), (0x00280030, "DS", "4\\4")],
        0x00289132: [(0x00281050, "DS", "959"), (0x00281051, "DS", "1667")],
        0x00289145: [(0x00281052, "DS", "0"), (0x00281053, "DS", "1.27985347985347"), (0x00281054, "LO", "US")],
    }  # fmt: skip
