"""Advice for a person at the command line: what to do about a failure.

Advice is chosen by the type of an error and its facts, never by the words of a message.  The log, the closing lines,
the HTML report and the documentation show it.  Only this folder and ``cli`` name options of the command line.
"""

from .connections import for_http_status, port_in_host
from .ends import for_error, with_explanation
from .inputs import nothing_new
from .instances import (
    MISSING_OF_DICOMDIR,
    NOTHING_ACCEPTED,
    for_left_out,
    for_reason,
    for_rejection,
    for_status,
    for_untaken,
    run_again,
    several_at_once,
)
from .proofs import (
    ASKED_AGAIN,
    CANNOT_COMMIT,
    CANNOT_SEND_AGAIN,
    SHARED_UIDS,
    WHOLE_SERIES_MISSING,
    cannot_be_asked,
    for_silence,
    prove_again,
    send_again,
)
from .results import (
    NAMES_IN_REPORT,
    OWN_NAMES,
    SEE_CSV,
    SEE_JOURNAL_REPORT,
    SENDS_ALL,
    WITHOUT_TEXT_REPORT,
    for_exit,
    for_rest,
    names_in_journal,
)
from .situation import Situation

__all__ = [
    "ASKED_AGAIN", "CANNOT_COMMIT", "CANNOT_SEND_AGAIN", "MISSING_OF_DICOMDIR", "NAMES_IN_REPORT", "NOTHING_ACCEPTED",
    "OWN_NAMES", "SEE_CSV", "SEE_JOURNAL_REPORT", "SENDS_ALL", "SHARED_UIDS", "WHOLE_SERIES_MISSING",
    "WITHOUT_TEXT_REPORT", "Situation", "cannot_be_asked", "for_error", "for_exit", "for_http_status", "for_left_out",
    "for_reason", "for_rejection", "for_rest", "for_silence", "for_status", "for_untaken", "names_in_journal",
    "nothing_new", "port_in_host", "prove_again", "run_again", "send_again",
    "several_at_once", "with_explanation",
]
