"""One random command line: options, files, and the behaviour of the peer."""

from __future__ import annotations

import functools
import random
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dcmsend.cli.option_table import OPTIONS, OptionRow
from soak.compare.mutations import mutate
from soak.compare.peers import ChosenPeer, choose_peer
from support.corpus import CorpusFile, corpus

__all__ = ["ROWS", "Line", "SourceFile", "make_line"]

MOST_BYTES = 300_000
_LEFT_OUT = {
    "--help", "--version",  # nothing is sent
    "--log-config", "--arguments", "--quiet", "--verbose", "--debug", "--log-level", "--verbose-pc",  # other texts
    "--create-report-file",  # every line has it
    "--ipv4", "--ipv6", "--ip-auto",  # not in 3.6.7
    "--read-from-dicomdir", "--scan-directories", "--scan-pattern",  # chosen with the files
}  # fmt: skip
ROWS = [row for row in OPTIONS if not row.is_ours and row.long not in _LEFT_OUT and row.long != "--list-decoders"]
"""The options of which lines have some."""
_WEIGHTS = {
    "--no-halt": 24, "--decompress-lossy": 5, "--decompress-never": 4, "--no-uid-checks": 4, "--read-file": 4,
    "--read-dataset": 1, "--compression-level": 3, "--no-illegal-proposal": 3, "--single-association": 3,
    "--max-send-pdu": 3,
}  # fmt: skip
_WRONG_WORDS = ("--no-such-option", "-x", "--no-h", "-pdu", "+cl", "--timeout=5", "-aet", "--", "")
_TEXTS = ("A", "OUR_TITLE", "A TITLE", "SIXTEEN_LETTERS_", "SEVENTEEN_LETTERS", "ÄÖ", " X ", "*")


@dataclass(frozen=True)
class SourceFile:
    """One file of a line.

    Attributes:
        name: relative to the directory in which both programs run.
        source: file of the test data.
        kinds: the kinds of changes in the copy; empty for an exact copy.
        tags: the elements that were changed.
    """

    name: str
    source: str
    kinds: tuple[str, ...] = ()
    tags: frozenset[int] = frozenset()

    def __str__(self) -> str:
        return f"{self.name} = {self.source}" + (f" with {', '.join(self.kinds)}" if self.kinds else "")


@dataclass(frozen=True)
class Line:
    """A command line and its circumstances.

    Attributes:
        options: each option with its values.
        parameters: the parameters after peer and port.
        files: the files in the directory.
        peer: the peer that answers.
    """

    seed: int
    number: int
    options: tuple[tuple[str, ...], ...]
    parameters: tuple[str, ...]
    files: tuple[SourceFile, ...]
    peer: ChosenPeer

    @property
    def words(self) -> list[str]:
        """All arguments; the code that runs the line fills in ``{port}`` and ``{own}``."""
        options = [word for option in self.options for word in option]
        return [*options, "+crf", "{own}/report.txt", "127.0.0.1", "{port}", *self.parameters]

    def has(self, *names: str) -> bool:
        """Whether one of these options is given."""
        return any(option[0] in names for option in self.options)

    def without(self, names: Sequence[str]) -> Line:
        """The same line without some of the files; the caller removes those that lie in the directory."""
        gone = set(names)
        files = tuple(each for each in self.files if each.name not in gone)
        return replace(self, files=files, parameters=tuple(each for each in self.parameters if each not in gone))

    def smaller(self) -> Iterator[Line]:
        """Lines with one option, one file or one peculiarity of the peer fewer."""
        for each in self.files:
            shorter = self.without([each.name])
            if shorter.parameters and shorter.files:
                yield shorter
        for position in range(len(self.options)):
            yield replace(self, options=self.options[:position] + self.options[position + 1 :])
        if self.peer.description != "accepts everything":
            yield replace(self, peer=ChosenPeer())

    def __str__(self) -> str:
        described = [f"  dcmsend {' '.join(word or repr(word) for word in self.words)}", f"  peer: {self.peer}"]
        return "\n".join([*described, *(f"  {each}" for each in self.files)])


def make_line(seed: int, number: int, directory: Path) -> Line:
    """The line of this number; writes its files to ``directory``, which is emptied first."""
    chance = random.Random(f"{seed}:{number}")
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    options = list(_options(chance))
    kind = chance.choices(("files", "tree", "medium"), (8, 2, 1))[0]
    if kind == "medium":
        files, parameters = _medium(chance, directory)
        options.append(("+rd",))
    else:
        files = _write_files(chance, directory, "tree/" if kind == "tree" else "")
        parameters = [each.name for each in files]
    if kind == "tree":
        further = [("+r",), ("+sp", chance.choice(("*.dcm", "1*", "*")))]
        options += [("+sd",), *chance.sample(further, chance.randrange(3))]
        parameters = ["tree"]
    chance.shuffle(options)
    if parameters and chance.random() < 0.03:
        parameters.insert(chance.randrange(len(parameters) + 1), chance.choice(("missing.dcm", ".", parameters[0])))
    return Line(seed, number, tuple(options), tuple(parameters), tuple(files), choose_peer(chance))


def _options(chance: random.Random) -> Iterator[tuple[str, ...]]:
    if chance.random() < 0.5:
        yield ("-nh",)  # without it most lines would end at their first damaged file
    weights = [_WEIGHTS.get(row.long, 1) for row in ROWS]
    for row in dict.fromkeys(chance.choices(ROWS, weights, k=chance.randrange(5))):
        yield (chance.choice([name for name in (row.short, row.long) if name]), *_values(row, chance))
    if chance.random() < 0.02:
        yield (chance.choice(_WRONG_WORDS),)


def _values(row: OptionRow, chance: random.Random) -> tuple[str, ...]:
    if not row.value:
        return ()
    if row.limits is None:
        return (chance.choice(_TEXTS),)
    low, high = row.limits.low, row.limits.high
    if chance.random() < 0.05:
        return (chance.choice((str(low - 1), "x", "", "-1", f"+{low}", f"{low}x", "99999999999")),)
    if row.long in ("--timeout", "--acse-timeout", "--dimse-timeout"):
        return (str(chance.choice((2, 20, 600))),)
    number = chance.choice((low, high or 100, chance.randint(low, high or 100)))
    return (str(number if row.long != "--max-send-pdu" or chance.random() < 0.05 else number // 2 * 2),)


@functools.cache
def _usable() -> list[CorpusFile]:
    return [file for file in corpus() if file.path.stat().st_size <= MOST_BYTES and file.valid != "dicomdir"]


def _write_files(chance: random.Random, directory: Path, folder: str) -> list[SourceFile]:
    written = []
    for number in range(chance.choice((1, 1, 2, 3, 4, 6))):
        source = chance.choice(_usable())
        name = f"{folder}{chance.choice(('', '', 'sub/')) if folder else ''}{number}.dcm"
        written.append(_write(chance, source, directory, name))
    return written


def _write(chance: random.Random, source: CorpusFile, directory: Path, name: str) -> SourceFile:
    path = directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    content = source.path.read_bytes()
    if chance.random() < 0.45:
        path.write_bytes(content)
        return SourceFile(name, source.name)
    changed = mutate(content, chance)
    path.write_bytes(changed.content)
    return SourceFile(name, source.name, tuple(changed.kinds), frozenset(changed.tags))


def _medium(chance: random.Random, directory: Path) -> tuple[list[SourceFile], list[str]]:
    """A small directory with a DICOMDIR: the one with tiny files, or an incomplete part of the large one."""
    folder = "fileset/TINY_ALPHA/" if chance.random() < 0.7 else "fileset/"
    members = [file for file in corpus() if file.name.startswith(folder)]
    if folder == "fileset/":
        members = [file for file in members if "TINY" not in file.name]
    dicomdirs = [file for file in members if file.valid == "dicomdir"]
    chosen = chance.choice(dicomdirs)
    others = [file for file in members if file.valid != "dicomdir"]
    files = []
    for source in (chosen, *chance.sample(others, min(len(others), chance.randrange(4, 12)))):
        name = "DICOMDIR" if source is chosen else source.name.removeprefix(folder)
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if source is not chosen and chance.random() < 0.2:
            files.append(_write(chance, source, directory, name))
        else:
            shutil.copyfile(source.path, path)
            files.append(SourceFile(name, source.name))
    return files, ["DICOMDIR"]
