"""Which decoders there are, with the codec package and without it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from dcmsend.dicom.transfer_syntax import transfer_syntax
from dcmsend.dicom.transfer_syntax_table import TRANSFER_SYNTAXES
from dcmsend.errors import TranscodeError
from dcmsend.transcode import can_decode, decodable, missing
from dcmsend.transcode.registry import codec_for

TS = "1.2.840.10008.1.2."
OWN = {TS + suffix for suffix in ("1.99", "5", "1.98", "8.1")}
"""What Python itself can do."""

WITHOUT_PACKAGE = """
import sys
sys.modules["imagecodecs"] = None
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in %r:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Hidden())
import importlib.util
original = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name in %r else original(name, package)
from dcmsend.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


def run_without(packages: tuple[str, ...], *arguments: str) -> str:
    """Output of the command in an interpreter that finds none of ``packages``."""
    code = WITHOUT_PACKAGE % (packages, packages)
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def test_everything_can_be_decoded_here() -> None:
    pytest.importorskip("imagecodecs")
    assert missing() == []
    assert len(decodable()) == 20
    assert all(syntax.uid in TRANSFER_SYNTAXES and can_decode(syntax) for syntax in decodable())


@pytest.mark.parametrize("uid", sorted(TRANSFER_SYNTAXES))
def test_each_decoder_has_its_codec(uid: str) -> None:
    syntax = transfer_syntax(uid)
    if not can_decode(syntax) or syntax.is_deflated:
        with pytest.raises(TranscodeError):
            codec_for(syntax)
        return
    codec = codec_for(syntax)
    assert isinstance(codec.DAMAGED, str)
    assert callable(codec.open_decoder)
    assert callable(codec.starts_frame)


@pytest.mark.parametrize("packages", [("imagecodecs",), ("numpy",), ("imagecodecs", "numpy")], ids=str)
def test_list_of_decoders_without_the_package(packages: tuple[str, ...]) -> None:
    lines = run_without(packages, "--list-decoders").splitlines()
    there = lines.index("Transfer syntaxes supported by decoders:")
    absent = lines.index("Transfer syntaxes that need the package imagecodecs (pip install imagecodecs):")
    assert set(lines[there + 1 : absent - 1]) == {f"- {transfer_syntax(uid).name}" for uid in OWN}
    assert set(lines[absent + 1 :]) == {f"- {syntax.name}" for syntax in decodable() if syntax.uid not in OWN}


def test_nothing_is_imported_to_answer_the_question() -> None:
    code = (
        "import sys; from dcmsend.transcode import can_decode, decodable; decodable()\n"
        "from dcmsend.cli.help_text import decoder_list_text; decoder_list_text()\n"
        "print(sorted({'numpy', 'imagecodecs'} & set(sys.modules)), "
        "[name for name in sys.modules if name.startswith('dcmsend.transcode.codecs')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[] []\n"


def test_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    from dcmsend.transcode import registry

    monkeypatch.setattr(registry, "_installed", dict.fromkeys(("_jpeg8", "_jpegls", "_jpeg2k", "_jpegxl"), False))
    assert not can_decode(transfer_syntax(TS + "4.70"))
    assert can_decode(transfer_syntax(TS + "5"))
    with pytest.raises(TranscodeError) as error:
        codec_for(transfer_syntax(TS + "4.70"))
    assert error.value.detail.endswith("needs the package imagecodecs: pip install imagecodecs")
