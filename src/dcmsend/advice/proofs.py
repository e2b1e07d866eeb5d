"""Advice on what the archive is asked afterwards."""

from __future__ import annotations

from typing import Final

__all__ = [
    "ASKED_AGAIN", "CANNOT_COMMIT", "CANNOT_SEND_AGAIN", "SHARED_UIDS", "WHOLE_SERIES_MISSING",
    "cannot_be_asked", "for_silence", "prove_again", "send_again",
]

WHOLE_SERIES_MISSING: Final = (
    "it may have changed the UIDs, or moved the series elsewhere; ask its administrator, nothing is sent again"
)
CANNOT_SEND_AGAIN: Final = (
    "they cannot be sent again before their files are back; --move-sent may have moved them away"
)
SHARED_UIDS: Final = (
    "a SOP Instance UID stands for one instance: an archive keeps one of them, or commits itself to none; whoever made "
    "the files has to give each its own"
)
_CANNOT_BE_ASKED: Final = (
    "what was stored stays stored; the archive must allow queries (C-FIND, Study Root) for our AE title, --verify-peer "
    "names another address to ask, and --journal with --resume asks again"
)
_CANNOT_BE_ASKED_BY_WEB: Final = (
    "what was stored stays stored; the service must allow queries (QIDO-RS) at the same URL for the same user, and "
    "--journal with --resume asks again"
)
CANNOT_COMMIT: Final = (
    "what was stored stays stored; the archive must know our AE title for Storage Commitment, --verify asks by query "
    "instead, and --resume asks again"
)
ASKED_AGAIN: Final = "the next run with --resume asks for them again"


def prove_again(*, with_journal: bool) -> str:
    """The words in the closing lines for instances about which the archive may say more to a new run."""
    return "may be proven when run again" + (" (--resume)" if with_journal else "")


def send_again(*, with_journal: bool) -> str:
    """The words in the closing lines for instances that the archive lacks and that a new run sends."""
    return "denied or missing, sent when run again" + (" (--resume with --verify or --commit)" if with_journal else "")


def cannot_be_asked(*, by_web: bool) -> str:
    """Advice when an archive cannot be asked what it has."""
    return _CANNOT_BE_ASKED_BY_WEB if by_web else _CANNOT_BE_ASKED


def for_silence(calling_ae_title: str, port: int | None) -> str:
    """Advice when an archive has taken requests for commitment and does not report on them."""
    if port is None:
        return (
            "most archives report on an association of their own: --commit-port says where we listen, and the archive "
            f"must have this host and that port for {calling_ae_title!r}; --verify asks by query instead"
        )
    return (
        f"the archive must have this host and port {port} for {calling_ae_title!r}, and a firewall must let it in; "
        "--commit-wait waits longer, --resume asks again, --verify asks by query instead"
    )
