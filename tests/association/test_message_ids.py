"""Message ids of one association: they begin anew, and are never those of requests without an answer."""

from __future__ import annotations

import random
from pathlib import Path

from dcmsend import Instance, ReadMode, TransferOptions
from dcmsend.association.association import Association
from dcmsend.association.prepare import Preparer
from dcmsend.dicom.transfer_syntax import EXPLICIT_VR_LITTLE_ENDIAN
from dcmsend.inputs import InputFile
from dcmsend.load import Abilities, FilesAhead
from support.fixture_files import CT_CLASS
from support.sending import instance_uid, write_instances


class _Silent:
    """A connection that nothing is expected of."""

    def send(self, data: object, idle: object, on_stall: object = None) -> None: ...

    def receive_into(self, buffer: object, deadline: object) -> int:
        return 0

    def close(self) -> None: ...


def make_preparer() -> Preparer:
    """One of an association that has accepted nothing, so that instances get a message id and no further."""
    association = Association(_Silent(), TransferOptions(), None)  # type: ignore[arg-type]
    abilities = Abilities(lambda _: False, lambda *_: False, lambda: None)  # type: ignore[arg-type, return-value]
    return Preparer(association, TransferOptions(), abilities, FilesAhead([]))


def test_message_ids_begin_anew_and_skip_what_is_outstanding(tmp_path: Path) -> None:
    (path,) = write_instances(tmp_path, 1)
    instance = Instance(
        InputFile(str(path)), CT_CLASS, instance_uid(1), EXPLICIT_VR_LITTLE_ENDIAN, ReadMode.FILE_ONLY
    )
    preparer = make_preparer()
    preparer._last_message_id = 65530
    outstanding = {65533, 1, 2}
    taken = [preparer.prepare(0, instance, 1, outstanding).message_id for _ in range(8)]
    assert taken == [65531, 65532, 65534, 65535, 3, 4, 5, 6]


def test_message_ids_are_never_zero_and_never_one_that_is_outstanding() -> None:
    preparer = make_preparer()
    outstanding = set(random.Random(3).sample(range(1, 65536), 100))
    taken = [preparer._next_message_id(outstanding) for _ in range(2 * (65535 - 100))]
    assert taken == [number for number in range(1, 65536) if number not in outstanding] * 2
