"""What workers tell arrives as it was; what nobody knows becomes no object of a strange type."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dcmsend.cluster.errors import ClusterUnusable
from dcmsend.cluster.told import (
    error_from,
    from_text,
    outcome_from,
    rejected_from,
    tell_error,
    tell_outcome,
    tell_rejected,
    to_text,
)
from dcmsend.dicom.transfer_syntax import transfer_syntax
from dcmsend.errors import (
    AssociationRejected,
    DcmsendError,
    InvalidInputFile,
    NegotiationFailed,
    SendingFailed,
    StoreUnusable,
    TlsFailed,
)
from dcmsend.index import FilteredInput, HeaderFacts, Instance, ReadMode, RejectedInput
from dcmsend.inputs import InputFile
from dcmsend.reasons import NoConnection, NoStore, Reason, Rejection
from dcmsend.transfer import Attempt, Result, StoreOutcome

texts = st.text(st.characters(codec=None), max_size=12)  # surrogates too: names of files may be any bytes
stamps = st.none() | st.tuples(st.integers(0, 2**63), st.integers(-(2**70), 2**70))
syntaxes = st.sampled_from(["1.2.840.10008.1.2", "1.2.840.10008.1.2.4.90", "1.2.3"]).map(transfer_syntax)
facts = st.none() | st.builds(
    HeaderFacts, texts, texts, st.lists(st.tuples(st.integers(0, 2**32), st.binary(max_size=9)), max_size=2).map(tuple)
)
reasons = st.none() | st.sampled_from(Reason)
statuses = st.none() | st.integers(0, 0xFFFF)
attempts = st.lists(st.builds(Attempt, st.floats(0, 2e9), st.sampled_from(Result), statuses, reasons), max_size=2)
instances = st.builds(
    Instance, st.builds(InputFile, texts), texts, texts, syntaxes, st.sampled_from(ReadMode), texts, facts
)
outcomes = st.builds(
    StoreOutcome, st.integers(1, 10**9), instances, st.sampled_from(Result), statuses, reasons, texts,
    st.integers(0, 99), st.integers(0, 255), st.none() | syntaxes, st.integers(0, 2**40), st.integers(0, 2**40),
    st.integers(0, 65535), texts, texts, texts, st.lists(st.integers(0, 2**32), max_size=3).map(tuple),
    st.floats(0, 2e9), st.floats(0, 1e6), attempts.map(tuple), stamps, stamps, st.booleans(), facts,
)  # fmt: skip


@given(outcomes)
def test_outcomes(outcome: StoreOutcome) -> None:
    text = to_text(tell_outcome(outcome))
    assert text.isascii()
    assert outcome_from(from_text(text), outcome.instance.input, outcome.index) == outcome


@given(
    st.builds(RejectedInput, texts, texts, st.booleans(), st.none() | texts, texts, st.sampled_from(Rejection), stamps)
)
def test_rejected_inputs(rejected: RejectedInput) -> None:
    for told in (rejected, FilteredInput(*rejected)):
        read = rejected_from(from_text(to_text(tell_rejected(told))), rejected.path)
        assert (type(read), read) == (type(told), told)


def test_errors() -> None:
    sending = SendingFailed(DcmsendError("why"))
    sending.reason = Reason.TIMED_OUT
    for error in (
        NegotiationFailed(AssociationRejected(1, 2, 3, "text")),
        NegotiationFailed(TlsFailed("no", "detail", True, why=NoConnection.EXPIRED)),
        InvalidInputFile("a\udcff", "End of stream", Rejection.EMPTY),
        StoreUnusable("s3://b", "no", NoStore.FORBIDDEN),
        sending,
    ):
        again = error_from(from_text(to_text(tell_error(error))))
        assert (type(again), repr(again)) == (type(error), repr(error))


def test_an_error_of_an_unknown_type_keeps_its_message() -> None:
    told = tell_error(ClusterUnusable("no reason"))
    known = told[0], told[1]
    for folder, name in (known, ("os", "system"), ("dcmsend.errors", "Any"), ("dcmsend.errors", "nothing")):
        again = error_from([folder, name, *told[2:]])
        assert type(again) is DcmsendError
        assert str(again) == "cannot use the cluster: no reason"
