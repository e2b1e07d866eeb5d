"""Names, values and timetables chosen by a program."""

from __future__ import annotations

from pathlib import Path

from dcmsend import IndexOptions, InputOptions, NameRule, Peer, Timetable, TransferOptions, ValueRule, send
from support.scripted_peer import ScriptedPeer
from support.sending import instance_uid, write_instances


def test_names_and_values(tmp_path: Path) -> None:
    write_instances(tmp_path / "a", 3)
    write_instances(tmp_path / "b", 2, first=4)
    with ScriptedPeer() as peer:
        transfer = send(
            tmp_path,
            Peer("127.0.0.1", peer.port),
            inputs=InputOptions(
                scan_directories=True, recurse=True, name_rules=(NameRule("b/", takes=False), NameRule("**/*.dcm"))
            ),
            index=IndexOptions(
                halt_on_invalid=False, value_rules=(ValueRule("SOPInstanceUID", instance_uid(2), takes=False),)
            ),
            transfer=TransferOptions(max_rate=Timetable(((0, 10_000_000), (720, 0)))),
        )
        names = [Path(outcome.instance.input.path).name for outcome in transfer]
    assert sorted(names) == ["000001.dcm", "000003.dcm"]
    assert (transfer.filtered, transfer.rejected) == (1, ())
    assert {store.sop_instance_uid for store in peer.stores} == {instance_uid(1), instance_uid(3)}
