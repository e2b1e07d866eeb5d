"""Makes the commit and the tag of a release.  Nothing is pushed or uploaded.

    python scripts/release.py major|minor|patch      the version that follows the newest tag, as 1.2.0 follows v1.1.3;
                                                     before the first release the one that the sources state
    python scripts/release.py 1.2.0rc1               this one, which must be newer than every tag

The version goes to ``src/dcmsend/version.py``, from which the program and all packages have it, and to
``debian/changelog``; the manual is made anew; towncrier moves the fragments to ``CHANGELOG.md``.  So whatever is made
of the tag, also an archive of its tree without git, says the version of the tag.  ``--check TAG`` tells whether it
does.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parents[1]
_STEPS: Final = ("major", "minor", "patch")
_STAGES: Final = {"a": 0, "b": 1, "rc": 2, "": 3}
_NUMBER: Final = "(0|[1-9][0-9]*)"
_VERSION: Final = re.compile(rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:(a|b|rc)([1-9][0-9]*))?")
_UNRELEASED: Final = re.compile(r"\Adcmsend-py \([^)]*\) UNRELEASED;.*?^ -- [^\n]*\n\n?", re.MULTILINE | re.DOTALL)
"""The newest entry of ``debian/changelog`` while it is of no release."""
_IN_SOURCES: Final = re.compile(r'(?m)^VERSION: Final = "(.*)"$')


class Refused(Exception):
    """No release can be made; the text is a line for a person."""


class Version(NamedTuple):
    """A version of three numbers, perhaps one before a release: ``stage`` is a, b, rc, or empty (PEP 440)."""

    numbers: tuple[int, int, int]
    stage: str = ""
    stage_number: int = 0

    def __str__(self) -> str:
        return ".".join(map(str, self.numbers)) + (f"{self.stage}{self.stage_number}" if self.stage else "")

    @property
    def of_debian(self) -> str:
        """With a tilde, which sorts before the end: 1.0.0~rc1 is older than 1.0.0."""
        return str(self).replace(self.stage, f"~{self.stage}") if self.stage else str(self)

    @property
    def order(self) -> tuple[tuple[int, int, int], int, int]:
        """What versions are compared by."""
        return self.numbers, _STAGES[self.stage], self.stage_number

    def next(self, step: str) -> Version:
        """The first release after this one whose number of ``step`` is higher; a release candidate becomes one."""
        place = _STEPS.index(step)
        if self.stage and not any(self.numbers[place + 1 :]):
            return Version(self.numbers)
        higher = (*self.numbers[:place], self.numbers[place] + 1, 0, 0)
        return Version((higher[0], higher[1], higher[2]))


def parse(text: str) -> Version | None:
    """The version that a text is; None for any other text."""
    match = _VERSION.fullmatch(text)
    if match is None:
        return None
    return Version((int(match[1]), int(match[2]), int(match[3])), match[4] or "", int(match[5] or 0))


def main() -> int:
    """Make a release, or check one."""
    parser = argparse.ArgumentParser(description="Make the commit and the tag of a release.")
    parser.add_argument("version", nargs="?", help="major, minor, patch, or the version itself")
    parser.add_argument("--check", metavar="TAG", help="exit 1 if the sources are not of the version of this tag")
    arguments = parser.parse_args()
    if (arguments.version is None) == (arguments.check is None):
        parser.error("one of VERSION and --check TAG is needed")
    try:
        if arguments.check is not None:
            _check(arguments.check)
        else:
            _release(arguments.version)
    except Refused as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _check(tag: str) -> None:
    stated = f"v{_stated_version()}"
    if tag != stated or not _is_released():
        what = f"of {stated}" if tag != stated else "not those of a release"
        raise Refused(f"tag {tag}: the sources are {what}; scripts/release.py makes the tags")


def _release(wanted: str) -> None:
    if Path(_run("git", "rev-parse", "--show-toplevel")).resolve() != ROOT:
        raise Refused("this folder is no repository of its own")
    if _run("git", "status", "--porcelain", "--untracked-files=all"):
        raise Refused("there are changes that are not committed")
    newest, head = _newest(), _run("git", "rev-parse", "HEAD")
    if wanted in _STEPS:
        version = newest.next(wanted) if newest is not None else _stated_version()
    else:
        version = parse(wanted)
    if version is None:
        raise Refused(f"{wanted}: it must be major, minor, patch, or a version, as 1.2.3 or 1.2.3rc1")
    if newest is not None and version.order <= newest.order:
        raise Refused(f"{version}: v{newest} is not older")
    try:
        _write(version, datetime.now(UTC))
        _run("git", "add", "--all")
        _run("git", "commit", "--quiet", "--message", f"Release {version}")
        _run("git", "tag", "--annotate", f"v{version}", "--message", f"dcmsend {version}")
    except BaseException:
        _run("git", "reset", "--quiet", "--hard", head)  # nothing but what this program has done is lost
        raise
    print(f"v{version}: look at it with git show, then push the commit and the tag")


def _newest() -> Version | None:
    """The newest release that is known: of a tag, or the one that the sources are of; None before the first one."""
    tags = (tag.removeprefix("v") for tag in _run("git", "tag").split() if tag.startswith("v"))
    known = [version for tag in tags if (version := parse(tag)) is not None]
    if _is_released():
        known.append(_stated_version())
    return max(known, key=lambda version: version.order, default=None)


def _is_released() -> bool:
    """Whether the sources are those of a release, or of a commit after one."""
    return _UNRELEASED.match((ROOT / "debian" / "changelog").read_text("utf-8")) is None


def _write(version: Version, when: datetime) -> None:
    """Put version and date wherever they stand, and move the fragments into the change log."""
    date = f"{when:%Y-%m-%d}"
    path = ROOT / "src" / "dcmsend" / "version.py"
    text = _IN_SOURCES.sub(f'VERSION: Final = "{version}"', path.read_text("utf-8"))
    path.write_text(re.sub(r'(?m)^(RELEASE_DATE: Final = ").*"$', rf'\g<1>{date}"', text), "utf-8")
    path = ROOT / "debian" / "changelog"
    signed = f" -- The dcmsend developers <dcmsend@example.org>  {format_datetime(when)}"
    entry = f"dcmsend-py ({version.of_debian}) unstable; urgency=medium\n\n  * See CHANGELOG.md.\n\n{signed}\n"
    earlier = _UNRELEASED.sub("", path.read_text("utf-8"))
    path.write_text(f"{entry}\n{earlier}".rstrip("\n") + "\n", "utf-8")
    _run(sys.executable, "-m", "towncrier", "build", "--yes", "--version", str(version), "--date", date)
    _run(sys.executable, "-P", "scripts/generate_manual.py")


def _stated_version() -> Version:
    match = _IN_SOURCES.search((ROOT / "src" / "dcmsend" / "version.py").read_text("utf-8"))
    stated = match[1] if match else ""
    version = parse(stated)
    if version is None:
        raise Refused(f"src/dcmsend/version.py states {stated or 'nothing'}, which is no version")
    return version


def _run(*words: str) -> str:
    """What a command writes; it sees the modules of this tree, whatever is installed."""
    modules = os.pathsep.join(str(ROOT / name) for name in ("src", "scripts"))
    environment = {**os.environ, "PYTHONPATH": modules}
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise Refused(f"{' '.join(words[:3])}: {lines[-1]}")
    return done.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
