"""Data sets of C-FIND and of storage commitment: against pydicom, as archives send them, and as nobody should."""

from __future__ import annotations

import pickle
import tracemalloc
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pynetdicom.dsutils import decode, encode

from dcmsend.errors import LocalProtocolError, PeerDataSetError
from dcmsend.protocol import (
    MESSAGE_TRANSFER_SYNTAXES,
    CommitmentReport,
    FailedReference,
    ImageMatch,
    ImageQuery,
    SOPReference,
    decode_commitment_report,
    decode_image_match,
    encode_commitment_request,
    encode_image_query,
)
from protocol.hostile_data_sets import EXPLICIT, IMPLICIT, TRANSACTION, explicit, implicit, item, sequence
from protocol.messages import CT, EXPLICIT_BIG

GOOD, BAD = 0x00081199, 0x00081198
BOTH = pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT], ids=["implicit", "explicit"])
UIDS = st.lists(st.integers(0, 10**14), min_size=2, max_size=4).map(lambda numbers: ".".join(map(str, numbers)))
MiB = 1 << 20


def judged(data: bytes, syntax: str) -> Any:
    """pydicom's reading."""
    return decode(BytesIO(data), syntax == IMPLICIT, True)


def made(data_set: Dataset, syntax: str) -> bytes:
    """pydicom's writing."""
    encoded = encode(data_set, syntax == IMPLICIT, True)
    assert encoded is not None
    return encoded


def reference(sop_class: str, instance: str, reason: int | None = None) -> Dataset:
    found = Dataset()
    found.ReferencedSOPClassUID = sop_class
    found.ReferencedSOPInstanceUID = instance
    if reason is not None:
        found.FailureReason = reason
    return found


def report(*, undefined: bool = False, **values: object) -> Dataset:
    """A report as pydicom holds it, with all lengths undefined if wanted."""
    data_set = Dataset()
    data_set.TransactionUID = "2.25.7"
    for name, value in values.items():
        setattr(data_set, name, value)
    for name in ("ReferencedSOPSequence", "FailedSOPSequence"):
        if undefined and name in data_set:
            data_set[name].is_undefined_length = True
            for each in data_set[name].value:
                each.is_undefined_length_sequence_item = True
    return data_set


def test_the_transfer_syntaxes_are_the_two_that_everybody_has() -> None:
    assert MESSAGE_TRANSFER_SYNTAXES == (IMPLICIT, EXPLICIT)


@BOTH
@given(UIDS, st.lists(st.builds(SOPReference, UIDS, UIDS), min_size=1, max_size=5))
def test_pydicom_reads_our_request(syntax: str, transaction: str, references: list[SOPReference]) -> None:
    encoded = encode_commitment_request(transaction, references, syntax)
    found = judged(encoded, syntax)
    assert sorted(found.keys()) == [0x00081195, GOOD]
    assert found.TransactionUID == transaction
    assert [
        SOPReference(each.ReferencedSOPClassUID, each.ReferencedSOPInstanceUID) for each in found.ReferencedSOPSequence
    ] == references
    assert made(found, syntax) == encoded, "pydicom writes it as we do"
    assert decode_commitment_report(encoded, syntax) == CommitmentReport(transaction, tuple(references))


@BOTH
@pytest.mark.parametrize("undefined", [False, True], ids=["defined", "undefined"])
@given(
    UIDS,
    st.lists(st.builds(SOPReference, UIDS, UIDS), max_size=4),
    st.lists(st.builds(FailedReference, UIDS, UIDS, st.none() | st.integers(0, 0xFFFF)), max_size=4),
    st.sampled_from(["", "ARCHIVE", "A234567890123456"]),
)
def test_we_read_what_pydicom_writes(
    syntax: str, undefined: bool, transaction: str, good: list[SOPReference], bad: list[FailedReference], title: str
) -> None:
    values: dict[str, object] = {"TransactionUID": transaction}
    if good:
        values["ReferencedSOPSequence"] = [reference(each.sop_class_uid, each.sop_instance_uid) for each in good]
    if bad:
        values["FailedSOPSequence"] = [
            reference(each.sop_class_uid, each.sop_instance_uid, each.failure_reason) for each in bad
        ]
    if title:
        values["RetrieveAETitle"] = title
    data = made(report(undefined=undefined, **values), syntax)
    assert undefined == (b"\xff\xff\xff\xff" in data) or not (good or bad)
    assert decode_commitment_report(data, syntax) == CommitmentReport(transaction, tuple(good), tuple(bad), title)


@BOTH
@given(UIDS, UIDS, st.lists(UIDS, max_size=3))
def test_pydicom_reads_our_query(syntax: str, study: str, series: str, instances: list[str]) -> None:
    encoded = encode_image_query(ImageQuery(study, series, tuple(instances)), syntax)
    found = judged(encoded, syntax)
    assert found.QueryRetrieveLevel == "IMAGE"
    assert (found.StudyInstanceUID, found.SeriesInstanceUID) == (study, series)
    assert found.InstanceAvailability is None or found.InstanceAvailability == ""
    asked = found.SOPInstanceUID
    assert (list(asked) if len(instances) > 1 else [asked] if asked else []) == instances
    assert made(found, syntax) == encoded, "pydicom writes it as we do"


@BOTH
@given(UIDS, st.sampled_from(["", "ONLINE", "NEARLINE"]), UIDS, UIDS)
def test_we_read_an_answer_that_pydicom_writes(
    syntax: str, instance: str, availability: str, study: str, series: str
) -> None:
    answer = Dataset()
    answer.SpecificCharacterSet = "ISO_IR 192"
    answer.SOPClassUID = CT
    answer.SOPInstanceUID = instance
    answer.QueryRetrieveLevel = "IMAGE"
    answer.RetrieveAETitle = "ARCHIVE"
    answer.InstanceAvailability = availability
    answer.StudyInstanceUID = study
    answer.SeriesInstanceUID = series
    answer.PatientName = "M\u00fcller^Eva"
    assert decode_image_match(made(answer, syntax), syntax) == ImageMatch(instance, availability, study, series)


def test_an_answer_may_say_little() -> None:
    assert decode_image_match(implicit(0x00080018, b"1.2\0"), IMPLICIT) == ImageMatch("1.2")


AS_ARCHIVES_SEND_IT = {
    "no sequence": (TRANSACTION, CommitmentReport("2.25.7", ())),
    "empty sequences": (
        TRANSACTION + sequence(BAD, b"") + sequence(GOOD, b"", is_open=True), CommitmentReport("2.25.7", ()),
    ),
    "blanks around UIDs": (
        implicit(0x00081195, b" 2.25.7 ") + sequence(GOOD, item(implicit(0x00081155, b"1.2 "))),
        CommitmentReport("2.25.7", (SOPReference("", "1.2"),)),
    ),
    "an item without UIDs": (
        TRANSACTION + sequence(BAD, item(b"") + item(implicit(0x00081197, b"\x12\x01"))),
        CommitmentReport("2.25.7", (), (FailedReference("", "", None), FailedReference("", "", 0x0112))),
    ),
    "a reason of four bytes": (
        TRANSACTION + sequence(BAD, item(implicit(0x00081155, b"1.2\0") + implicit(0x00081197, b"\x10\x01\0\0"))),
        CommitmentReport("2.25.7", (), (FailedReference("", "1.2", 0x0110),)),
    ),
    "an empty reason": (
        TRANSACTION + sequence(BAD, item(implicit(0x00081155, b"1.2\0") + implicit(0x00081197, b""))),
        CommitmentReport("2.25.7", (), (FailedReference("", "1.2", None),)),
    ),
    "everything twice, the first counts": (
        2 * (TRANSACTION + sequence(GOOD, item(2 * implicit(0x00081155, b"1.2\0")))) + implicit(0x00081195, b"1.4\0"),
        CommitmentReport("2.25.7", (SOPReference("", "1.2"),)),
    ),
    "sequences within items": (
        TRANSACTION + sequence(GOOD, item(
            implicit(0x00081155, b"1.2\0")
            + sequence(GOOD, item(implicit(0x00081150, b"1.3\0") + implicit(0x00081155, b"1.4\0")))
        )),
        CommitmentReport("2.25.7", (SOPReference("", "1.2"),)),
    ),
    "what is wanted inside another sequence": (
        TRANSACTION + sequence(0x00081115, item(
            implicit(0x00081195, b"1.9\0") + sequence(GOOD, item(implicit(0x00081155, b"1.4\0")))
        )),
        CommitmentReport("2.25.7", ()),
    ),
    "not in ascending order": (
        sequence(GOOD, item(implicit(0x00081155, b"1.2\0"))) + TRANSACTION,
        CommitmentReport("2.25.7", (SOPReference("", "1.2"),)),
    ),
    "private elements, a group length": (
        implicit(0x00080000, b"\0\0\0\0") + TRANSACTION + implicit(0x00090010, b"ACME") + implicit(0x00091001, b"ab"),
        CommitmentReport("2.25.7", ()),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", AS_ARCHIVES_SEND_IT)
def test_reports_as_archives_send_them(name: str) -> None:
    data, expected = AS_ARCHIVES_SEND_IT[name]
    assert decode_commitment_report(data, IMPLICIT) == expected


def test_an_explicit_sequence_of_unknown_length_is_read_by_the_rules_of_cp_246() -> None:
    items = item(implicit(0x00081155, b"1.2\0"), is_open=True) + implicit(0xFFFEE0DD, b"")
    data = explicit(0x00081195, "UI", b"2.25.7") + explicit(GOOD, "UN", items, 0xFFFFFFFF)
    assert decode_commitment_report(data, EXPLICIT).committed == (SOPReference("", "1.2"),)


NESTED = b"".join(sequence(GOOD, b"", is_open=True)[:8] + item(b"", is_open=True)[:8] for _ in range(200))
UNUSABLE = {
    "nothing": (b"", "Transaction UID"),
    "no transaction": (implicit(0x00080054, b"A "), "Transaction UID"),
    "an empty transaction": (implicit(0x00081195, b""), "Transaction UID"),
    "a transaction of blanks": (implicit(0x00081195, b"  "), "Transaction UID"),
    "cut off in a header": (TRANSACTION[:-9] + b"\x08", "stray bytes"),
    "cut off in a value": (TRANSACTION[:-2], "cut off"),
    "cut off in an item": (
        TRANSACTION + sequence(GOOD, item(implicit(0x00081155, b"1.2\0")))[:-2], "cut off",
    ),
    "a length of 4 GiB": (implicit(0x00081195, b"1.2\0", 0xFFFFFFFE), "cut off"),
    "an item longer than its sequence": (
        TRANSACTION + implicit(GOOD, item(bytes(8))[:8], 8) + bytes(60), "",
    ),
    "no item in a sequence": (TRANSACTION + sequence(GOOD, implicit(0x00081155, b"1.2\0")), "instead of an item"),
    "a sequence without an end": (TRANSACTION + sequence(GOOD, item(b""), is_open=True)[:-8] + b"\xfe", "stray bytes"),
    "200 levels": (TRANSACTION + NESTED, "deeper than"),
    "no data set": (b"HTTP/1.1 400 Bad Request\r\n", "cut off"),
}  # fmt: skip


@pytest.mark.parametrize("name", UNUSABLE)
def test_what_cannot_be_read(name: str) -> None:
    data, words = UNUSABLE[name]
    with pytest.raises(PeerDataSetError) as caught:
        decode_commitment_report(data, IMPLICIT)
    assert words in str(caught.value)
    assert repr(pickle.loads(pickle.dumps(caught.value))) == repr(caught.value)


def test_a_sequence_that_is_none_is_no_empty_report() -> None:
    data = explicit(0x00081195, "UI", b"2.25.7") + explicit(GOOD, "UN", item(implicit(0x00081155, b"1.2\0")))
    with pytest.raises(PeerDataSetError, match=r"\(0008,1199\) is no sequence but has VR UN"):
        decode_commitment_report(data, EXPLICIT)


@pytest.mark.parametrize("data", [b"", implicit(0x00080018, b""), TRANSACTION], ids=["nothing", "empty", "another"])
def test_an_answer_without_an_instance(data: bytes) -> None:
    with pytest.raises(PeerDataSetError, match="SOP Instance UID"):
        decode_image_match(data, IMPLICIT)


HOSTILE: dict[str, Callable[[], bytes]] = {
    "items": lambda: TRANSACTION + sequence(GOOD, item(b"") * (2 * MiB)),
    "elements": lambda: TRANSACTION + implicit(0x00081155, b"") * (2 * MiB),
    "fragments": lambda: explicit(0x7FE00010, "OB", item(b"") * (2 * MiB), 0xFFFFFFFF),
    "sequences": lambda: TRANSACTION + sequence(0x00081115, b"") * (2 * MiB),
    "items far down": lambda: TRANSACTION + sequence(0x00081115, item(sequence(GOOD, item(b"") * (2 * MiB)))),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_of_16_mib_of_small_parts_only_the_first_are_looked_at(name: str) -> None:
    with pytest.raises(PeerDataSetError, match="more than 131072 elements and items"):
        decode_commitment_report(HOSTILE[name](), EXPLICIT if name == "fragments" else IMPLICIT)


def test_16_mib_of_items_take_little_memory() -> None:
    data = HOSTILE["items"]()
    tracemalloc.start()
    try:
        with pytest.raises(PeerDataSetError):
            decode_commitment_report(data, IMPLICIT)
        assert tracemalloc.get_traced_memory()[1] < 48 * MiB
    finally:
        tracemalloc.stop()


@BOTH
def test_a_report_of_20_000_instances_is_read(syntax: str) -> None:
    references = [SOPReference(CT, f"1.2.840.113619.2.55.3.2831178355.{number}") for number in range(20_000)]
    found = decode_commitment_report(encode_commitment_request("2.25.7", references, syntax), syntax)
    assert found.committed == tuple(references)


def test_16_mib_of_one_value_are_not_shown_whole() -> None:
    data = TRANSACTION + implicit(0x00080054, b"A" * (16 * MiB))
    assert decode_commitment_report(implicit(0x00080054, b"A" * (16 * MiB)) + TRANSACTION, IMPLICIT) == (
        decode_commitment_report(data, IMPLICIT)
    )
    assert decode_commitment_report(data, IMPLICIT).retrieve_ae_title == "A" * 64


def test_our_own_mistakes() -> None:
    with pytest.raises(LocalProtocolError):
        encode_commitment_request("2.25.7", [], IMPLICIT)
    with pytest.raises(LocalProtocolError):
        encode_commitment_request("", [SOPReference(CT, "1.2")], IMPLICIT)
    with pytest.raises(LocalProtocolError):
        encode_image_query(ImageQuery("1.2", "1.3"), EXPLICIT_BIG)
    with pytest.raises(LocalProtocolError):
        decode_commitment_report(TRANSACTION, EXPLICIT_BIG)
    many = ImageQuery("1.2", "1.3", tuple(f"1.2.3.{number}" for number in range(10_000)))
    assert len(encode_image_query(many, IMPLICIT)) > 65535
    with pytest.raises(LocalProtocolError):
        encode_image_query(many, EXPLICIT)
