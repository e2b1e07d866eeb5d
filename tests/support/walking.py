"""What a walk finds, with what it remembers of the data sets before and without."""

from __future__ import annotations

from dcmsend.dicom.byte_source import BytesSource
from dcmsend.dicom.data_dictionary import default_dictionary
from dcmsend.dicom.transfer_syntax import TransferSyntax, transfer_syntax
from dcmsend.dicom.walk import walk_data_set
from dcmsend.errors import DataSetError
from support.data_set_bytes import ENCODINGS

__all__ = ["SYNTAXES", "Listener", "findings"]

SYNTAXES = {encoding: transfer_syntax(encoding.uid) for encoding in ENCODINGS.values()}


class Listener:
    """Asks to be told of everything, which makes the walk look at every element as if it were the first of its kind."""

    def element(self, tag: int, vr: str, position: int, length: int) -> None: ...
    def begin_sequence(self, tag: int, implicit: bool) -> None: ...
    def begin_item(self) -> None: ...
    def end_item(self) -> None: ...
    def end_sequence(self) -> None: ...
    def begin_fragments(self, tag: int) -> None: ...
    def fragment(self, position: int, length: int) -> None: ...
    def end_fragments(self) -> None: ...


def findings(data: bytes, syntax: TransferSyntax, listener: Listener | None = None) -> object:
    try:
        found = walk_data_set(BytesSource(data), syntax, dictionary=default_dictionary, builder=listener)
    except DataSetError as error:
        return str(error), error.detail
    return {name: getattr(found, name) for name in dir(found) if not name.startswith("_")}
