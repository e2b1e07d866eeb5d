"""What the record of a run says beside its counts."""

from __future__ import annotations

import pytest

from dcmsend.errors import Cancelled, DcmsendError, GivenUp, JournalError, NoInputFiles, StoreUnusable
from dcmsend.reasons import NoJournal, NoStore
from dcmsend.report import RunRecord


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        (Cancelled(), True),
        (Cancelled(Cancelled.TIME_WINDOW), True),
        (Cancelled(Cancelled.JOURNAL), False),
        (GivenUp("3 associations in a row ended without an answer"), True),
        (StoreUnusable("s3://bucket/", "reason", NoStore.UNREACHABLE), True),
        (StoreUnusable("s3://bucket/", "reason", NoStore.FORBIDDEN), False),
        (JournalError("j", "in use by another run", NoJournal.IN_USE), True),
        (JournalError("j", "is damaged"), False),
        (NoInputFiles(), False),
        (None, False),
    ],
    ids=repr,
)
def test_what_was_not_found_yet_may_be_stored_by_the_next_run(error: DcmsendError | None, wanted: bool) -> None:
    record = RunRecord()
    record.error = error
    assert record.may_store_more is wanted
    record.all_found = True
    assert not record.may_store_more


def test_a_run_that_only_proves_has_nothing_to_find() -> None:
    record = RunRecord()
    record.error, record.searches = Cancelled(), False
    assert not record.may_store_more
