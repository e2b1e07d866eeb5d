"""Data sets in the Native DICOM Model.  Source: PS3.19 A.1, PS3.18 section 8.7.3.2."""

from __future__ import annotations

from collections.abc import Container
from typing import Final, NoReturn
from xml.parsers import expat

from .data_set import MAX_DEPTH, MAX_PARTS, DataSet
from .response_unreadable import ResponseUnreadable

__all__ = ["read_xml_data_set"]

_ENCODINGS: Final = ("utf-8", "us-ascii", "iso-8859-1", "utf-16", "utf-16le", "utf-16be")
"""What expat reads itself; for any other name it would ask Python's codecs."""

_MAX_ELEMENT_DEPTH: Final = 2 * MAX_DEPTH + 8
"""An item takes two XML elements; below the last one may lie the parts of a name."""


def read_xml_data_set(body: bytes, tags: Container[int]) -> DataSet:
    """The data set of a ``NativeDicomModel``, in whatever namespace; only elements with these ``tags``.

    Values are texts; empty ones are left out.

    Raises ResponseUnreadable for what is no well-formed XML, declares a document type or entities, names an element
    twice, or is another document.  The caller bounds the length of ``body``.
    """
    return _Reader(tags).read(body)


class _Reader:
    """Listens to expat, and keeps the data sets and values that are open."""

    def __init__(self, tags: Container[int]) -> None:
        self._tags = tags
        self._root: DataSet = {}
        self._names: list[str] = []
        self._open: list[DataSet] = []
        self._values: list[list[object] | None] = []
        self._text: list[str] | None = None
        self._left = MAX_PARTS

    def read(self, body: bytes) -> DataSet:
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.XmlDeclHandler = _check_declaration
        parser.StartDoctypeDeclHandler = _refuse_declaration
        parser.EntityDeclHandler = _refuse_declaration
        parser.ExternalEntityRefHandler = _refuse_declaration
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        try:
            parser.Parse(body, True)
        except expat.ExpatError:
            raise ResponseUnreadable("the answer is no well-formed XML") from None
        return self._root

    def _start(self, full_name: str, attributes: dict[str, str]) -> None:
        name = full_name.rpartition(" ")[2]
        self._left -= 1
        if self._left < 0:
            raise ResponseUnreadable("the XML of the answer has too many parts")
        if len(self._names) >= _MAX_ELEMENT_DEPTH:
            raise ResponseUnreadable("the XML of the answer is nested too deeply")
        if not self._names:
            if name != "NativeDicomModel":
                raise ResponseUnreadable("the XML of the answer is no Native DICOM Model")
            self._open.append(self._root)
        elif name == "DicomAttribute":
            self._start_attribute(attributes)
        elif name == "Item":
            self._start_item()
        elif name == "Value" and self._names[-1] == "DicomAttribute" and self._values[-1] is not None:
            self._text = []
        self._names.append(name)

    def _start_attribute(self, attributes: dict[str, str]) -> None:
        if self._names[-1] not in ("NativeDicomModel", "Item"):
            raise ResponseUnreadable("the XML of the answer has a DICOM attribute outside a data set")
        tag = _tag(attributes.get("tag", ""))
        values: list[object] | None = None
        if tag is not None and tag in self._tags:
            if tag in self._open[-1]:
                raise ResponseUnreadable("the XML of the answer names an element twice")
            values = self._open[-1][tag] = []
        self._values.append(values)

    def _start_item(self) -> None:
        if self._names[-1] != "DicomAttribute":
            raise ResponseUnreadable("the XML of the answer has an item outside a sequence")
        item: DataSet = {}
        values = self._values[-1]
        if values is not None:
            values.append(item)
        self._open.append(item)

    def _end(self, _: str) -> None:
        name = self._names.pop()
        if name == "DicomAttribute":
            self._values.pop()
        elif name == "Item":
            self._open.pop()
        elif name == "Value" and self._text is not None:
            text, self._text = "".join(self._text), None
            values = self._values[-1]
            if values is not None and text.strip():  # Orthanc adds an empty value to each item
                values.append(text)

    def _characters(self, text: str) -> None:
        if self._text is not None:
            self._text.append(text)


def _tag(text: str) -> int | None:
    if len(text) != 8 or not text.isascii() or not text.isalnum():
        return None
    try:
        return int(text, 16)
    except ValueError:
        return None


def _check_declaration(_version: str, encoding: str | None, _standalone: int) -> None:
    if encoding is not None and encoding.lower() not in _ENCODINGS:
        raise ResponseUnreadable("the XML of the answer is in an encoding that is not read")


def _refuse_declaration(*_: object) -> NoReturn:
    raise ResponseUnreadable("the XML of the answer declares a document type or entities")
