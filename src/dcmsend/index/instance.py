"""The instances and the rejected inputs that a scan finds, and by what it knows them."""

from __future__ import annotations

from enum import Enum

from dcmsend.bases import NamedTuple
from dcmsend.dicom.transfer_syntax import TransferSyntax
from dcmsend.inputs import Source, Stamp
from dcmsend.reasons import Rejection

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .facts import HeaderFacts

__all__ = ["Identity", "Instance", "ReadMode", "RejectedInput"]


class ReadMode(Enum):
    """How a file is read.  Source: DCMTK ``+fo``, ``+f``, ``-f``."""

    FILE_ONLY = "file only"
    FILE_OR_DATA_SET = "file or data set"
    DATA_SET_ONLY = "data set only"


class Identity(NamedTuple):
    """The three UIDs of an instance, ``''`` where missing, and what its header tells if the scan was asked for it.

    ``is_chosen`` tells whether it is to be sent by the values in its header; None if the header cannot be read.
    """

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    facts: HeaderFacts | None = None
    is_chosen: bool | None = True


class Instance(NamedTuple):
    """One SOP Instance of the transfer list, as the meta header (or the DICOMDIR record) describes it.

    The C-STORE request takes its UIDs from the data set itself, later; these here serve planning and reports.

    Attributes:
        input: the input that holds the instance.
        sop_class_uid: (0002,0002), (0004,1510) or (0008,0016).
        sop_instance_uid: (0002,0003), (0004,1511) or (0008,0018).
        transfer_syntax: (0002,0010), (0004,1512), or guessed from the first bytes.
        read_mode: how the input has to be read again when it is sent.
        group: instances with the same group go over one association, ``""`` for any.
        facts: values of the header that the scan has read; None if none were asked for or it cannot be read.
    """

    input: Source
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax: TransferSyntax
    read_mode: ReadMode
    group: str = ""
    facts: HeaderFacts | None = None


class RejectedInput(NamedTuple):
    """An input that cannot be in the transfer list.

    Attributes:
        path: file name as collected.
        reason: DCMTK's text, e.g. ``End of stream``.
        is_dicom: false for an input that is no DICOM file at all (no preamble, empty, a dangling link); true for an
            input that was named and cannot be read, because it may be one.
        dicomdir: for a record of a DICOMDIR the name of the DICOMDIR; None for a file, which alone DCMTK counts.
        detail: what exactly is wrong and where, for a person; may be empty.
        why: the reason as a value.
        stamp: size and time of modification when it was rejected, None if not asked for or not known.
    """

    path: str
    reason: str
    is_dicom: bool
    dicomdir: str | None = None
    detail: str = ""
    why: Rejection = Rejection.BROKEN
    stamp: Stamp | None = None


class FilteredInput(RejectedInput):
    """An input that is left out because of its values, as the user wants it: nothing is wrong with it."""

    __slots__ = ()
