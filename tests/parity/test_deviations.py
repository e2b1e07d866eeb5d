"""What only our program does, where no row of the comparison shows it."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

import pytest

from parity.conftest import HOST, Duel
from parity.outcomes import CHANGED_COURSE, report_of, statuses
from support import wire
from support.data_set_bytes import EXPLICIT_LITTLE as EL
from support.data_set_bytes import meta_header
from support.fixture_files import EI, UID_ROOT, FixtureFiles
from support.peer_script import Abort, Accept, Reject, Respond, Script, prefer, refuse
from support.senders import OURS, Run

pytestmark = pytest.mark.peer("dcmtk-dcmsend")

PARTIAL = "report.txt.partial"


@pytest.mark.parametrize(
    ("words", "peer", "exit_code"),
    [
        (("CT", "ZERO"), Script(), 22),
        (("CT", "MR"), Script(associate=Reject(1, 1, 7)), 61),
        (("CT", "MR"), Script(stores={2: Abort()}), 62),
        (("CT", "MR", "-ma"), Script(associate=Accept(contexts=refuse())), 65),
    ],
    ids=["bad file", "rejected", "aborted", "all refused"],
)
def test_partial_report(duel: Duel, files: FixtureFiles, words: tuple[str, ...], peer: Script, exit_code: int) -> None:
    """The report of a run that ended early has another name, so that nobody takes it for a whole one."""
    pair = duel(*(word if word[0] == "-" else files(word) for word in words), peer=peer)
    pair.assert_same(exit_code)
    assert (pair.theirs.report, pair.theirs.leftovers) == (None, ())
    assert (pair.ours.report, pair.ours.leftovers) == (None, (PARTIAL,))
    assert any(PARTIAL in line for line in pair.ours.lines("W"))


def not_stored(run: Run) -> list[str]:
    return [line for line in run.lines("E") if "not stored" in line]


def test_exit_0_is_not_silent(duel: Duel, files: FixtureFiles) -> None:
    """DCMTK ends in 0 whatever the peer answers; so do we, but with a word about it."""
    names = [files(name) for name in ("CT", "MR", "CT2")]
    pair = duel(*names, peer=Script(stores={2: Respond(0xA700), 3: Respond(0xB000)}))
    pair.assert_same(0)
    assert not_stored(pair.ours) == ["E: 1 of 3 SOP instances were not stored"]
    assert not not_stored(duel(*names, peer=Script(stores={2: Respond(0xB000)})).ours)
    assert not duel(*names, "-q", peer=Script(other_stores=Respond(0xA700))).ours.stderr


@pytest.mark.parametrize(
    ("words", "peer", "exit_code", "lines"),
    [
        (("CT", "ZERO", "MR"), Script(), 22, []),
        (("CT", "MR"), Script(associate=Reject(1, 1, 7)), 61, ["E: 2 of 2 SOP instances were not stored"]),
        (("CT", "MR"), Script(stores={2: Abort()}), 62, ["E: 1 of 2 SOP instances were not stored"]),
    ],
    ids=["bad file", "rejected", "aborted"],
)
def test_what_is_not_stored_by_a_run_that_ends_early(
    duel: Duel, files: FixtureFiles, words: tuple[str, ...], peer: Script, exit_code: int, lines: list[str]
) -> None:
    """Where an input has ended the run before anything was sent, DCMTK's line says all."""
    pair = duel(*map(files, words), peer=peer)
    pair.assert_same(exit_code)
    assert not_stored(pair.ours) == lines


def test_associations_are_told_as_in_dcmtk(duel: Duel, files: FixtureFiles) -> None:
    for option in ("-v", "-d"):
        told = [
            [line for line in run.stderr.splitlines() if "starting association" in line or line[3:] == "-" * 65]
            for run in duel(files("CT"), option)
        ]
        assert told[1] == told[0]
        assert len(told[0]) == (1 if option == "-v" else 2)


def test_nothing_is_told_beyond_debug(duel: Duel, files: FixtureFiles) -> None:
    pair = duel(files("CT"), "-ll", "trace")
    pair.assert_same(0)
    assert any(line.startswith("T: Bytes sent: ") for line in pair.theirs.lines("T"))
    assert pair.ours.lines("D")
    assert not pair.ours.lines("T")


def test_standard_input_is_no_file(duel: Duel) -> None:
    for option in ("+f", "-f"):
        pair = duel("-", option)
        pair.assert_same(but=dict.fromkeys(CHANGED_COURSE, "D73"))
        assert pair.theirs.exit_code == 22  # of an empty standard input
        assert pair.ours.exit_code == 22
        assert pair.ours.lines("F")[0].startswith("F: bad DICOM file: -: No such file or directory")


def test_our_name(duel: Duel, files: FixtureFiles) -> None:
    pair = duel(files("CT"))
    pair.assert_same(0)
    names = []
    for run in pair:
        request = run.peer.connections[0].request
        assert request is not None
        names.append([item for kind, item in request.user_items if kind in (0x52, 0x55)])
    assert names[0] == [b"1.2.276.0.7230010.3.0.3.6.7", b"OFFIS_DCMTK_367"]
    assert names[1][0].startswith(b"2.25.")
    assert names[1][1].startswith(b"DCMSEND_PY_")
    assert len(names[1][0]) <= 64
    assert len(names[1][1]) <= 16


def test_small_instance_is_one_write(files: FixtureFiles) -> None:
    """Command and data set leave together; DCMTK writes them one after the other, which Nagle punishes with 40 ms."""
    expected = len(files.data_set_bytes("CT"))
    with socket.create_server((HOST, 0)) as listener:
        words = [*OURS.command, HOST, str(listener.getsockname()[1]), files("CT")]
        with subprocess.Popen(words, cwd=files.directory, stderr=subprocess.PIPE) as sender:
            connection, _ = listener.accept()
            with connection:
                message = wire.receive_pdu(connection)
                assert message is not None
                request = wire.parse_associate_request(message)
                syntax = request.contexts[0].transfer_syntaxes[0]
                connection.sendall(wire.associate_accept(request, [(1, 0, syntax)], 16384))
                received = connection.recv(1 << 16)
            sender.communicate(timeout=30)
    command_length = int.from_bytes(received[2:6], "big") + 6
    assert len(received) == command_length + 12 + expected


def test_uids_of_unknown_vr(duel: Duel, files: FixtureFiles) -> None:
    """DCMTK takes the hexadecimal dump of the first byte for the UID."""
    pair = duel(files("UID-AS-UN"))
    pair.assert_same(0, but=dict.fromkeys(("commands", "layout", "warnings"), "D27"))
    assert pair.theirs.peer.stores[0].sop_instance_uid == "31"
    assert pair.ours.peer.stores[0].sop_instance_uid == f"{UID_ROOT}.1.1"


@pytest.mark.parametrize("tag", [0x00080016, 0x00080018])
@pytest.mark.parametrize("vr", ["AT", "FD", "FL", "OD", "OL", "OV", "OW", "SL", "SS", "SV", "UL", "US", "UV"])
def test_uids_of_numeric_vr(duel: Duel, tmp_path: Path, vr: str, tag: int) -> None:
    """Found by ``scripts/soak_compare``: DCMTK takes the first number for the UID."""
    class_uid, instance_uid = b"1.2.840.10008.5.1.4.1.1.7\0", b"1.2.3.4\0"
    data_set = b"".join(
        EL.element(each, vr if each == tag else "UI", value)
        for each, value in ((0x00080016, class_uid), (0x00080018, instance_uid))
    )
    file = tmp_path / "file.dcm"
    file.write_bytes(meta_header(EL.uid, class_uid.decode().rstrip("\0"), "1.2.3.4") + data_set)
    pair = duel(str(file))
    pair.assert_same(0, but=dict.fromkeys(("commands", "layout", "warnings"), "D27"))
    (theirs,), (ours,) = (run.peer.stores for run in pair)
    assert (ours.sop_class_uid, ours.sop_instance_uid) == (class_uid.decode().rstrip("\0"), "1.2.3.4")
    assert (theirs.sop_class_uid, theirs.sop_instance_uid) != (ours.sop_class_uid, ours.sop_instance_uid)


def test_private_elements_that_dcmtk_does_not_know(duel: Duel, files: FixtureFiles) -> None:
    """From implicit to explicit: UN in DCMTK, the vendor's VR in ours."""
    pair = duel(files("PRIVATE-IMPLICIT"), peer=Script(associate=Accept(contexts=prefer(EI))))
    pair.assert_same(0, but={"data_sets": "D28", "layout": "D28"})
    assert b"\x45\x00\x01\x10UN\0\0\x02\0\0\0\x08\0" in bytes(pair.theirs.peer.stores[0].data_set)
    assert b"\x45\x00\x01\x10SS\x02\0\x08\0" in bytes(pair.ours.peer.stores[0].data_set)


def test_names_of_young_classes(duel: Duel, files: FixtureFiles) -> None:
    pair = duel(files("YOUNG-CLASS"))
    pair.assert_same(0, but={"report.SOP Class": "D29"})
    assert [report_of(run).column("SOP Class") for run in pair] == [
        ["1.2.840.10008.5.1.4.1.1.66.7 = unknown"],
        ["1.2.840.10008.5.1.4.1.1.66.7 = LabelMapSegmentationStorage"],
    ]


def test_report_is_complete_after_a_lost_association(duel: Duel, files: FixtureFiles) -> None:
    names = [files(f"C{number}") for number in range(1, 6)]
    run = duel.ours(*names, "-nh", peer=(Script(stores={2: Abort()}), Script(stores={2: Abort()}), Script()))
    assert run.exit_code == 0
    assert statuses(run) == [
        "0x0000 (Success)",
        "<not sent>",
        "0x0000 (Success)",
        "<not sent>",
        "0x0000 (Success)",
    ]
    assert [len(each.stores) for each in run.peer.connections] == [2, 2, 1]
