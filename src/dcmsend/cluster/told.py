"""What a worker tells the driver, as JSON: outcomes, rejected inputs, errors.

JSON, not pickles: what comes in makes only values of known types.  And not msgpack, which Dask itself would use: it has
no way to write the names of files that are no UTF-8.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from enum import Enum
from hashlib import blake2b
from importlib import import_module
from typing import Any, Final, cast

from dcmsend.dicom.transfer_syntax import transfer_syntax
from dcmsend.errors import DcmsendError
from dcmsend.index import FilteredInput, HeaderFacts, Instance, ReadMode, RejectedInput
from dcmsend.inputs import DicomdirRecord, InputFile, Origin, Source, ToldMember
from dcmsend.reasons import Reason, Rejection
from dcmsend.transfer import Attempt, Result, StoreOutcome

__all__ = [
    "digest_of",
    "earlier_item",
    "error_from",
    "found_from",
    "from_text",
    "outcome_from",
    "rejected_from",
    "tell_error",
    "tell_found",
    "tell_outcome",
    "tell_rejected",
    "to_text",
]  # fmt: skip

_MODULES: Final = ("dcmsend.errors", "dcmsend.inputs", "dcmsend.stow", "dcmsend.dicomweb")
"""Where errors come from."""
_DEFAULTS: Final[dict[str, Any]] = StoreOutcome._field_defaults

to_text: Final[Callable[[Any], str]] = json.JSONEncoder(separators=(",", ":"), ensure_ascii=True).encode
from_text: Final[Callable[[str], Any]] = json.loads


def digest_of(item: Source) -> str:
    """Stands for something found in an input, e.g. a member of an archive; the same in every attempt."""
    return blake2b(f"{item.path}\0{item.etag}".encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


# -- outcomes


def tell_outcome(outcome: StoreOutcome) -> list[Any]:
    """An outcome without its input and its place in the list."""
    instance = outcome.instance
    told = [
        outcome.result.name, instance.sop_class_uid, instance.sop_instance_uid, instance.transfer_syntax.uid,
        instance.read_mode.name, instance.group, _tell_facts(instance.facts),
    ]  # fmt: skip
    others = {}
    for name, default in _DEFAULTS.items():
        value = getattr(outcome, name)
        if value != default:
            others[name] = _TELL[name](value) if name in _TELL else value
    return [*told, others]


def outcome_from(told: list[Any], item: Source, index: int) -> StoreOutcome:
    """The outcome of ``item``, which gets the place ``index`` in the list.  Raises ValueError, KeyError, TypeError."""
    result, sop_class, uid, syntax, mode, group, facts, others = told
    instance = Instance(item, sop_class, uid, transfer_syntax(syntax), ReadMode[mode], group, _facts_from(facts))
    values = {name: _READ[name](value) if name in _READ else value for name, value in others.items()}
    return StoreOutcome(index, instance, Result[result], **values)


def _tell_facts(facts: HeaderFacts | None) -> list[Any] | None:
    if facts is None:
        return None
    return [facts.study_uid, facts.series_uid, [[tag, value.decode("latin-1")] for tag, value in facts.others]]


def _facts_from(told: list[Any] | None) -> HeaderFacts | None:
    if told is None:
        return None
    study, series, others = told
    return HeaderFacts(study, series, tuple((tag, value.encode("latin-1")) for tag, value in others))


def _tell_attempts(attempts: tuple[Attempt, ...]) -> list[Any]:
    return [[each.time, each.result.name, each.status, each.reason and each.reason.name] for each in attempts]


def _attempts_from(told: list[Any]) -> tuple[Attempt, ...]:
    return tuple(
        Attempt(time, Result[result], status, Reason[reason] if reason else None)
        for time, result, status, reason in told
    )


_TELL: Final[dict[str, Callable[[Any], Any]]] = {
    "reason": lambda reason: reason.name, "sent_syntax": lambda syntax: syntax.uid, "earlier": _tell_attempts,
    "facts": _tell_facts,
}  # fmt: skip
_READ: Final[dict[str, Callable[[Any], Any]]] = {
    "reason": Reason.__getitem__, "sent_syntax": transfer_syntax, "earlier": _attempts_from, "facts": _facts_from,
    "file_stamp": tuple, "file_identity": tuple, "offending_elements": tuple,
}  # fmt: skip


# -- inputs


def tell_rejected(rejected: RejectedInput) -> list[Any]:
    """An input that holds no instance."""
    is_filtered = isinstance(rejected, FilteredInput)
    return [
        rejected.reason, rejected.is_dicom, rejected.dicomdir, rejected.detail, rejected.why.name, rejected.stamp,
        is_filtered,
    ]  # fmt: skip


def rejected_from(told: list[Any], path: str) -> RejectedInput:
    """The input called ``path``.  Raises ValueError, KeyError, TypeError."""
    reason, is_dicom, dicomdir, detail, why, stamp, is_filtered = told
    return (FilteredInput if is_filtered else RejectedInput)(
        path, reason, is_dicom, dicomdir, detail, Rejection[why], None if stamp is None else (stamp[0], stamp[1])
    )


def tell_found(item: Source) -> list[Any]:
    """A source that was found in an input: a member of an archive, or a file that a DICOMDIR refers to."""
    if item.container is not None:
        return ["member", item.path[len(item.container.path) + 2 :], item.etag]
    return ["file", item.path, None if item.record is None else list(item.record)]


def found_from(told: list[Any], item: Source, name_of: Callable[[str], str]) -> Source:
    """The source that was found in ``item``; ``name_of`` turns the worker's name of a file into the driver's."""
    kind, name, value = told
    if kind == "member":
        return ToldMember(item, name, value)
    return InputFile(name_of(name), Origin.DICOMDIR, None if value is None else DicomdirRecord(*value))


def earlier_item(path: str, etag: str, found: list[Any] | None, stamp: list[int] | None) -> Source | None:
    """An input of an earlier driver, or attempt, by the name that workers had for it.

    Its file is not moved before a search finds it again: nobody knows here whether that run was to move files, where
    its search began, or whether a DICOMDIR refers to the file.
    """
    if found is not None and found[2] == "member":
        source = earlier_item(path[: -len(found[3]) - 2], "", None, stamp)
        return None if source is None else found_from(found[2:], source, str)
    if "://" not in path:
        return InputFile(path, Origin.DICOMDIR)  # an origin that is never moved
    if stamp is None or "?" in path:
        return None
    from dcmsend.inputs import Entry, Place, StoredObject, Stores  # only where an address is named

    scheme, _, rest = path.partition("://")
    site, _, name = rest.partition("/")
    return StoredObject(cast(Stores, None), Place(scheme, site, name), Entry(name, stamp[0], stamp[1], etag))


# -- errors


def tell_error(error: DcmsendError) -> list[Any]:
    """An error by its type and its facts."""
    kind = type(error)
    folder = ".".join(kind.__module__.split(".")[:2])
    facts = {name: _plain(value) for name, value in vars(error).items()}
    return [folder, kind.__name__, [_plain(each) for each in error.args], facts]


def error_from(told: list[Any]) -> DcmsendError:
    """The error again; one of a type that is not known becomes a DcmsendError with the same message."""
    folder, name, args, facts = told
    kind = _known_error(folder, name)
    error = kind.__new__(kind, *map(_value, args))
    vars(error).update((str(key), _value(value)) for key, value in facts.items())
    return error


def _known_error(folder: str, name: str) -> type[DcmsendError]:
    kind = getattr(import_module(folder), name, None) if folder in _MODULES else None
    return kind if isinstance(kind, type) and issubclass(kind, DcmsendError) else DcmsendError


def _plain(value: object) -> object:
    if isinstance(value, DcmsendError):
        return {"error": tell_error(value)}
    if isinstance(value, Enum):
        return {"enum": [type(value).__name__, value.name]}
    if isinstance(value, list | tuple):
        return {"list": [_plain(each) for each in value]}
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _value(told: Any) -> Any:
    if not isinstance(told, dict):
        return told
    if "error" in told:
        return error_from(told["error"])
    if "enum" in told:
        kind, name = told["enum"]
        reasons = import_module("dcmsend.reasons")
        known = getattr(reasons, kind, None) if kind in reasons.__all__ else None
        return known[name] if known is not None else name
    return tuple(_value(each) for each in told["list"])
