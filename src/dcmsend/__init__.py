"""Send DICOM files to a Storage SCP.

    >>> from dcmsend import Peer, send
    >>> for outcome in send("folder", Peer("127.0.0.1", 11112)):  # doctest: +SKIP
    ...     print(outcome.result.value, outcome.instance.input.path)

Everything a program needs is here.  Names are loaded when they are first used, so that ``import dcmsend`` is cheap.
"""

from __future__ import annotations

from . import version as _version

TYPE_CHECKING = False  # type checkers take it for true; importing `typing` would be most of the start-up time
if TYPE_CHECKING:
    from typing import Any

    from .association import AddressFamily, Peer
    from .cluster import ClusterOptions
    from .errors import DcmsendError
    from .index import HeaderFacts, IndexOptions, Instance, KeepTogether, ReadMode, RejectedInput, ValueRule
    from .inputs import InputOptions, NameRule, Shard
    from .journal import JournalOptions
    from .library import Transfer, send
    from .plan import Decompression, PlanOptions
    from .proof import CommitOptions, VerifyOptions
    from .protocol import UserIdentity
    from .reasons import NoConnection, Reason, Rejection
    from .report import ReportOptions, Summary
    from .stow import BasicCredentials, BearerCommand, BearerFile, WebPeer
    from .transfer import (
        AssociationClosed,
        AssociationOpened,
        Attempt,
        AutoAssociations,
        BytesSent,
        HostNews,
        InstanceProof,
        Observer,
        Proof,
        ProofState,
        Result,
        RetryOptions,
        StoreOutcome,
        Timetable,
        TransferOptions,
        Waiting,
    )
    from .transport import TlsOptions, TlsProfile, load_tls

__version__ = _version.VERSION

_HOMES = {
    "association": ("AddressFamily", "Peer"),
    "cluster": ("ClusterOptions",),
    "errors": ("DcmsendError",),
    "index": ("HeaderFacts", "IndexOptions", "Instance", "KeepTogether", "ReadMode", "RejectedInput", "ValueRule"),
    "inputs": ("InputOptions", "NameRule", "Shard"),
    "journal": ("JournalOptions",),
    "library": ("Transfer", "send"),
    "protocol": ("UserIdentity",),
    "plan": ("Decompression", "PlanOptions"),
    "proof": ("CommitOptions", "VerifyOptions"),
    "report": ("ReportOptions", "Summary"),
    "transfer": (
        "AssociationClosed", "AssociationOpened", "Attempt", "AutoAssociations", "BytesSent", "HostNews",
        "InstanceProof", "Observer", "Proof", "ProofState", "Result", "RetryOptions", "StoreOutcome", "Timetable",
        "TransferOptions", "Waiting",
    ),
    "reasons": ("NoConnection", "Reason", "Rejection"),
    "stow": ("BasicCredentials", "BearerCommand", "BearerFile", "WebPeer"),
    "transport": ("TlsOptions", "TlsProfile", "load_tls"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "AddressFamily", "AssociationClosed", "AssociationOpened", "Attempt", "AutoAssociations", "BasicCredentials",
    "BearerCommand", "BearerFile", "BytesSent", "ClusterOptions", "CommitOptions", "DcmsendError", "Decompression",
    "HeaderFacts", "HostNews", "IndexOptions", "InputOptions", "Instance", "InstanceProof", "JournalOptions",
    "KeepTogether", "NameRule", "NoConnection", "Observer", "Peer", "PlanOptions", "Proof", "ProofState",
    "ReadMode", "Reason", "RejectedInput", "Rejection", "ReportOptions", "Result", "RetryOptions", "Shard",
    "StoreOutcome", "Summary", "Timetable", "TlsOptions", "TlsProfile", "Transfer", "TransferOptions",
    "UserIdentity", "ValueRule", "VerifyOptions", "Waiting", "WebPeer", "__version__", "load_tls", "send",
]


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None and name != "errors":  # `from dcmsend import MODULE` asks here first
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # not needed for the command

    if home is None:
        return import_module(f"{__name__}.errors")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """What is public, for completion: of the modules ``errors`` alone."""
    return sorted({*(name for name in globals() if name.startswith("__")), *__all__, "errors"})
