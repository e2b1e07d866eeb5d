"""Meta headers are remembered from one file to the next: that must never change what is read."""

from __future__ import annotations

from random import Random

import pytest

from dcmsend.index import file_meta as module
from dcmsend.index.file_meta import FileMeta, parse_regular_meta
from support.data_set_bytes import meta_header

EXPLICIT = "1.2.840.10008.1.2.1"


def values(meta: FileMeta | None) -> object:
    return None if meta is None else {name: getattr(meta, name) for name in dir(meta) if not name.startswith("_")}


def alone(data: bytes) -> object:
    """As if it were the first file ever."""
    return values(module._parse_elements(data))


def files() -> list[bytes]:
    return [
        bytes(128) + b"DICM" + header[header.index(b"\2\0\0\0UL") :] + b"\x08\0\x16\0UI\2\0" + b"1\0" * 8
        for sop_class in ("1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.7")
        for instance in ("1.2.3", "1.2.4", "1.2.345")
        for syntax in (EXPLICIT, "1.2.840.10008.1.2")
        for header in (meta_header(syntax, sop_class, instance),)
    ]


@pytest.mark.sources
def test_a_known_header_is_read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = files()[0], files()[2]
    expected = alone(second)
    assert expected is not None
    parse_regular_meta(first)
    monkeypatch.setattr(module, "_parse_elements", lambda _data: None)
    assert values(parse_regular_meta(second)) == expected


@pytest.mark.parametrize("seed", range(20))
def test_known_headers_change_nothing(seed: int) -> None:
    random = Random(seed)
    for data in files():
        assert values(parse_regular_meta(data)) == alone(data) is not None
        for _ in range(60):
            damaged = bytearray(data)
            for _ in range(random.choice((1, 1, 2))):
                if len(damaged) <= 100:
                    break
                place = random.randrange(100, len(damaged))
                kind = random.random()
                if kind < 0.6:
                    damaged[place] = random.choice((0, 1, 2, 3, 4, 8, 16, 32, 0xFF, damaged[place] + 2 & 0xFF))
                elif kind < 0.75:
                    del damaged[place : place + random.choice((1, 2, 8))]
                elif kind < 0.9:
                    damaged[place:place] = bytes(random.choice((1, 2, 8)))
                else:
                    del damaged[place:]
            assert values(parse_regular_meta(bytes(damaged))) == alone(bytes(damaged)), bytes(damaged)


@pytest.mark.sources
def test_what_is_remembered_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_KNOWN", 20)
    for number in range(200):
        header = meta_header(EXPLICIT, f"1.2.{number}", "1.2.3") + bytes(16)
        assert values(parse_regular_meta(header)) == alone(header)
        assert len(module._known_beginnings) + len(module._known_ends) <= 23
