"""Reads just enough of each input to identify its instance, and checks its UIDs."""

from __future__ import annotations

from .file_meta import FileMeta, parse_regular_meta, read_file_meta
from .identify import looks_like_dicom
from .instance import FilteredInput, Instance, ReadMode, RejectedInput
from .locate import DataSetLocation, locate_data_set
from .options import IndexOptions, KeepTogether
from .scan import scan
from .uid_check import find_uid_fault

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .facts import HeaderFacts, facts_of
    from .file_again import facts_in_file, instance_uids
    from .value_choice import ValueRule

__all__ = [
    "DataSetLocation", "FileMeta", "FilteredInput", "HeaderFacts", "IndexOptions", "Instance", "KeepTogether",
    "ReadMode", "RejectedInput", "ValueRule", "facts_in_file", "facts_of", "find_uid_fault", "instance_uids",
    "locate_data_set", "looks_like_dicom", "parse_regular_meta", "read_file_meta", "scan",
]


def __getattr__(name: str) -> object:
    """What is seldom needed is loaded when it is."""
    if name in ("facts_in_file", "instance_uids"):
        from . import file_again

        return getattr(file_again, name)
    if name in ("HeaderFacts", "facts_of"):
        from . import facts

        globals().update(HeaderFacts=facts.HeaderFacts, facts_of=facts.facts_of)  # asked for with each instance
        return getattr(facts, name)
    if name == "ValueRule":
        from .value_choice import ValueRule

        return ValueRule
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
