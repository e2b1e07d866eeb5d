"""One instance of a request: what was loaded of it, and how far it was sent."""

from __future__ import annotations

from dcmsend.index import Instance
from dcmsend.inputs import unreadable
from dcmsend.load import FilePayload, Prepared

__all__ = ["Part"]


class Part(Prepared):
    """One instance as a part of a request, or the reason why it cannot be one.

    Attributes:
        sop_class_uid, sop_instance_uid: of the data set; ``""`` if it was not loaded.
        before: a meta header that we have made, to be sent before the payload; ``b""`` for that of the file.
        size: bytes of ``before`` and payload together, None if only the end will tell.
        is_begun: whether any byte of the part was handed to the system; of the first one, any byte of the request.
        is_complete: whether all were.
        is_lent: whether the system has pages of the file, not copies of them: who writes to the file before the peer
            has them all changes what the peer gets, so it stays open until the answer.
        sent: bytes of the payload that were handed to the system.
    """

    __slots__ = ("before", "is_begun", "is_complete", "is_lent", "sent", "size", "sop_class_uid", "sop_instance_uid")

    def __init__(self, index: int, instance: Instance) -> None:
        super().__init__(index, instance)
        self.sop_class_uid = ""
        self.sop_instance_uid = ""
        self.before = b""
        self.size: int | None = 0
        self.is_begun = False
        self.is_complete = False
        self.is_lent = False
        self.sent = 0

    @property
    def is_sendable(self) -> bool:
        """Whether the instance is loaded and can be sent."""
        return self.payload is not None

    def check_unchanged(self) -> None:
        """When the answer has come: compare a file whose pages were lent.  Raises FileChanged, FileUnreadable."""
        if self.is_lent and isinstance(self.payload, FilePayload):
            try:
                self.payload.check_unchanged()
            except OSError as error:
                raise unreadable(error) from error
