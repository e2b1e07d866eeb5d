"""What can be done with data sets on this machine and by the options of this run."""

from __future__ import annotations

from collections.abc import Callable

from dcmsend.dicom.transfer_syntax import TransferSyntax
from dcmsend.errors import DcmsendError

from .loaded_instance import DictionarySource

__all__ = ["Abilities"]


class Abilities:
    """What can be done with data sets on this machine and by the options of this run.

    Attributes:
        can_decode: whether a transfer syntax may be proposed together with the native ones.
        can_convert: whether a data set can be had in the second syntax when it is in the first.
        dictionary: the data dictionary, loaded when first asked for.
        unusable: why nothing can be sent at all (no dictionary can be loaded), None normally.
        noted: tags of the elements, beside the UIDs, that are noted of each data set while it is checked.
    """

    __slots__ = ("can_convert", "can_decode", "dictionary", "noted", "unusable")

    def __init__(
        self,
        can_decode: Callable[[TransferSyntax], bool],
        can_convert: Callable[[TransferSyntax, TransferSyntax], bool],
        dictionary: DictionarySource,
        unusable: DcmsendError | None = None,
        noted: frozenset[int] = frozenset(),
    ) -> None:
        self.noted = noted
        self.unusable = unusable
        self.can_decode = can_decode
        self.can_convert = can_convert
        self.dictionary = dictionary
