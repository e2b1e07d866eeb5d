"""The answer that nearly all peers give is decoded in one stroke: that must never differ from element by element."""

from __future__ import annotations

from random import Random

import pytest

from dcmsend.protocol import Command, CStoreRSP, encode_command
from dcmsend.protocol import command_set as module
from dcmsend.protocol.command_set import decode_command
from dcmsend.protocol.dimse import CommandParseError


def element_by_element(data: bytes, monkeypatch: pytest.MonkeyPatch) -> Command | CommandParseError:
    with monkeypatch.context() as patch:
        patch.setattr(module, "_decode_usual_response", lambda _data: None)
        return decode_command(data)


def answers() -> list[bytes]:
    class_uid, instance_uid = "1.2.840.10008.5.1.4.1.1.2", "1.2.3.4567"
    return [
        encode_command(CStoreRSP(message_id, status, sop_class, sop_instance, *more))
        for message_id, status in ((1, 0), (65535, 0xB000), (256, 0xA7FF))
        for sop_class in (class_uid, class_uid + "1", "", None)
        for sop_instance in (instance_uid, instance_uid + "8", "", None)
        for more in ((), ("no room",), (None, (0x00100010,)), (None, (), 7))
    ]


def test_the_usual_answer_is_taken_at_once() -> None:
    data = encode_command(CStoreRSP(515, 0xB006, "1.2.840.10008.5.1.4.1.1.2", "1.2.3.4567"))
    assert module._decode_usual_response(data) == CStoreRSP(515, 0xB006, "1.2.840.10008.5.1.4.1.1.2", "1.2.3.4567")


@pytest.mark.parametrize("seed", range(20))
def test_both_ways_agree(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    random = Random(seed)
    for sound in answers():
        assert decode_command(sound) == element_by_element(sound, monkeypatch)
        damaged = bytearray(sound)
        for _ in range(random.choice((1, 1, 2, 3))):
            place = random.randrange(len(damaged))
            kind = random.random()
            if kind < 0.6:
                damaged[place] = random.choice((0, 1, 2, 4, 8, 16, 32, 0x80, 0xFF, random.randrange(256)))
            elif kind < 0.8:
                del damaged[place : place + random.choice((1, 2, 8))]
            else:
                damaged[place:place] = bytes(random.choice((1, 2, 8)))
            damaged = damaged or bytearray(1)
        data = bytes(damaged)
        assert decode_command(data) == element_by_element(data, monkeypatch), data


def test_every_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    data = answers()[0]
    for length in range(len(data)):
        assert decode_command(data[:length]) == element_by_element(data[:length], monkeypatch)
