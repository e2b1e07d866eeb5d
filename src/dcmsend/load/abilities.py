"""The conversions and the data dictionary that this machine and the options of this run offer."""

from __future__ import annotations

from collections.abc import Callable

from dcmsend.dicom.transfer_syntax import TransferSyntax
from dcmsend.errors import DcmsendError

from .loaded_instance import DictionarySource

__all__ = ["Abilities"]


class Abilities:
    """The conversions and the data dictionary that this machine and the options of this run offer.

    Attributes:
        can_decode: whether a transfer syntax may be proposed together with the native ones.
        can_convert: whether a data set in the first syntax can be converted to the second one.
        dictionary: returns the data dictionary, which is loaded at the first call.
        unusable: why nothing can be sent at all (no dictionary can be loaded), None normally.
        noted: tags of the elements, beside study and series UID, that become ``facts`` while a data set is checked;
            None if nobody asks for facts.
    """

    __slots__ = ("can_convert", "can_decode", "dictionary", "noted", "unusable")

    def __init__(
        self,
        can_decode: Callable[[TransferSyntax], bool],
        can_convert: Callable[[TransferSyntax, TransferSyntax], bool],
        dictionary: DictionarySource,
        unusable: DcmsendError | None = None,
        noted: frozenset[int] | None = None,
    ) -> None:
        self.noted = noted
        self.unusable = unusable
        self.can_decode = can_decode
        self.can_convert = can_convert
        self.dictionary = dictionary
