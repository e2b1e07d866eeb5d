"""The real files of the corpus: DCMTK's dcmsend and our scan accept and refuse the same ones, for the same reasons."""

from __future__ import annotations

import pytest

from dcmsend.dicom.sop_class import sop_class_name
from dcmsend.dicom.transfer_syntax import transfer_syntax
from support.corpus import corpus
from support.reading_judge import dcmtk_lines, dcmtk_verdicts, our_scan, our_verdicts

pytestmark = pytest.mark.peer("dcmtk-dcmsend")

NAMES = [str(file.path) for file in corpus()]
YOUNGER_THAN_DCMTK_3_6_7 = ("1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.203", "1.2.840.10008.1.2.8.1")


@pytest.mark.parametrize("mode", ["+fo", "+f", "-f"])
@pytest.mark.parametrize("checks", [(), ("-nuc",)], ids=["checked", "unchecked"])
def test_same_verdicts(mode: str, checks: tuple[str, ...]) -> None:
    ours = [verdict._replace(remarks=()) for verdict in our_verdicts(NAMES, mode, *checks)]
    dcmtk = [verdict._replace(remarks=()) for verdict in dcmtk_verdicts(NAMES, mode, *checks)]
    syntaxes = {str(file.path): file.transfer_syntax for file in corpus()}
    differing = [our for our, their in zip(ours, dcmtk, strict=True) if our != their]
    assert {syntaxes[our.name] for our in differing} <= set(YOUNGER_THAN_DCMTK_3_6_7)
    assert all(our.reason is None for our in differing)
    assert bool(differing) == (mode != "-f" and not checks)


@pytest.mark.parametrize("mode", ["+fo", "+f", "-f"])
def test_same_class_and_syntax(mode: str) -> None:
    """DCMTK names both when it plans the presentation contexts."""
    accepted = [verdict.name for verdict in dcmtk_verdicts(NAMES, mode) if verdict.reason is None]
    (ours, _) = our_scan(accepted, "-nh", mode)
    planned = []
    for start in range(0, len(accepted), 100):  # contexts of one association
        lines = dcmtk_lines(mode, "--", *accepted[start : start + 100], until="starting association")
        planned += [line.split(": ", 2)[2] for line in lines if "preparing presentation context for" in line]
    names = [_names(instance.sop_class_uid, instance.transfer_syntax.uid) for instance in ours]
    assert names == planned
    assert len(accepted) >= (4 if mode == "-f" else len(NAMES) * 9 // 10)


def _names(sop_class_uid: str, transfer_syntax_uid: str) -> str:
    younger = sop_class_uid == "1.2.840.10008.5.1.4.1.1.66.7"  # Label Map Segmentation
    class_name = sop_class_uid if younger else sop_class_name(sop_class_uid)
    return f"{class_name} / {transfer_syntax(transfer_syntax_uid).name}"
