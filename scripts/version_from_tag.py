"""Sets the version that a tag names, in a clone of the repository, before packages are built.

    python scripts/version_from_tag.py [TAG]

TAG is ``v`` and the version, as ``v1.2.3``; unless it is given, it is the tag of the commit that is checked out.  The
release date is that of the commit.  Both are written to ``debian/changelog`` and to ``src/dcmsend/version.py``, from
which the program, all packages and the manual have them; then the manual and the completions are made anew.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
_TAG: Final = re.compile(r"v([0-9]+(?:\.[0-9]+)*(?:(?:a|b|rc)[0-9]+)?)")


class Unusable(Exception):
    """There is no tag, or it names no version; the text is a line for a person."""


def main() -> int:
    """Set version and date, and make what shows them."""
    parser = argparse.ArgumentParser(description="Set the version that a tag names.")
    parser.add_argument("tag", nargs="?", help="v and the version; unless it is given, the tag of this commit")
    try:
        tag = parser.parse_args().tag or _git("describe", "--tags", "--exact-match", "--match", "v[0-9]*")
        match = _TAG.fullmatch(tag)
        if match is None:
            raise Unusable(f"tag {tag}: it must be v and a version, as v1.2.3")
        when = datetime.fromtimestamp(int(_git("log", "-1", "--format=%ct", f"refs/tags/{tag}^{{commit}}", "--")), UTC)
    except Unusable as error:
        print(error, file=sys.stderr)
        return 1
    set_version(ROOT, match[1], when)
    subprocess.run([sys.executable, ROOT / "scripts" / "generate_manual.py"], check=True, stdout=subprocess.DEVNULL)
    print(f"version {match[1]} of {when:%Y-%m-%d}")
    return 0


def set_version(root: Path, version: str, when: datetime) -> None:
    """Write a version and its date to the files of a tree that state them."""
    sources = root / "src" / "dcmsend" / "version.py"
    text = _put(sources.read_text(), r'(?m)^VERSION: Final = ".*"$', f'VERSION: Final = "{version}"')
    sources.write_text(_put(text, r'(?m)^RELEASE_DATE: Final = ".*"$', f'RELEASE_DATE: Final = "{when:%Y-%m-%d}"'))
    debian = root / "debian" / "changelog"
    # A tilde sorts before the end: 1.0~rc1 is older than 1.0.
    of_debian = re.sub(r"(a|b|rc)([0-9]+)$", r"~\1\2", version)
    text = _put(debian.read_text(), r"\Adcmsend-py \(.*?\)", f"dcmsend-py ({of_debian})")
    debian.write_text(_put(text, r"(?m)(?<=>  ).*$", format_datetime(when)))


def _put(text: str, pattern: str, new: str) -> str:
    changed, count = re.subn(pattern, lambda _match: new, text, count=1)
    if not count:
        raise ValueError(f"nothing like {pattern}")
    return changed


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = done.stderr.removeprefix("fatal: ").partition("\n")[0]
        raise Unusable(f"no tag to take the version from: {reason}")
    return done.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
