"""The decoders, conversions and the data dictionary of a run, for instances that cannot be sent as they are."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from dcmsend.dicom.transfer_syntax import TransferSyntax
from dcmsend.errors import DataSetError, DcmsendError
from dcmsend.load import Abilities
from dcmsend.loggers import get_logger
from dcmsend.plan import Decompression
from dcmsend.settings import Settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dcmsend.dicom.data_dictionary import DataDictionary

__all__ = ["abilities_of", "choose_dictionary"]

_log = get_logger("dcmsend.app")


def abilities_of(
    settings: Settings, dictionary: Callable[[], DataDictionary], unusable: DcmsendError | None, *, facts_of_all: bool
) -> Abilities:
    """The abilities, each loaded when it is first needed.

    ``unusable`` says why there is no dictionary.  ``facts_of_all`` notes study and series also where no journal, report
    or proof needs them.
    """
    noted = settings.report.wanted_tags
    if noted is None and (facts_of_all or settings.journal is not None or settings.wants_proof):
        noted = frozenset()
    return Abilities(_can_decode, partial(_can_convert, settings.plan.decompression), dictionary, unusable, noted)


def choose_dictionary(settings: Settings) -> tuple[Callable[[], DataDictionary], DcmsendError | None]:
    """The data dictionary, loaded when it is first asked for; dictionary files of the user are read at once."""
    if not settings.dictionary_files:
        return _default_dictionary, None
    from dcmsend.dicom.dictionary_file import load_dictionary_files

    texts = []
    for path in settings.dictionary_files:
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                texts.append((path, file.read()))
        except OSError as error:
            _log.error("DcmDataDictionary: Cannot open file: %s\n%s", path, error.strerror)
    if not texts:
        _log.warning("no data dictionary loaded, check environment variable: DCMDICTPATH")
        return _default_dictionary, DataSetError("Data dictionary missing")
    dictionary = load_dictionary_files(texts)
    return lambda: dictionary, None


def _default_dictionary() -> DataDictionary:
    from dcmsend.dicom.data_dictionary import default_dictionary  # not needed for most files

    return default_dictionary()


def _can_decode(syntax: TransferSyntax) -> bool:
    from dcmsend.transcode import can_decode

    return can_decode(syntax)


def _can_convert(allowed: Decompression | None, source: TransferSyntax, target: TransferSyntax) -> bool:
    from dcmsend.transcode import can_convert

    if source.is_lossy and source.uid != target.uid and allowed is not Decompression.LOSSY:
        return False
    return can_convert(source, target)
