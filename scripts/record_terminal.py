"""Makes docs/assets/terminal.svg and docs/assets/report.html: a night that is refused in part, and the next one.

    python scripts/record_terminal.py [--folder FOLDER] [--hurry]

What is seen is what the installed command draws on a terminal, frame by frame, with the times between them; a receiver
on 127.0.0.1 refuses some instances in the first run.  The report is that of the second run.

--hurry is for who looks at what is shown in the end, and not at how it comes about: nothing waits for a reader, and the
receiver takes no time for its answers.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from support.peer_script import Respond, Script  # noqa: E402
from support.scripted_peer import ScriptedPeer  # noqa: E402
from support.sending import write_large  # noqa: E402
from support.terminal import Terminal  # noqa: E402

COLUMNS, ROWS = 84, 17
COUNT, LENGTH = 800, 50_000
WIDTH, HEIGHT, MARGIN = 8.4, 18, 14
LAST_SECONDS = 6.0
SHORTEST = 0.12
"""Seconds a frame is shown at least; what changes faster is one frame."""
COLOURS = {"default": "#d6dde2", "green": "#7fd19b", "red": "#f0908a", "brown": "#e0b15f", "blue": "#7fb2e5",
           "magenta": "#c9a2e8", "cyan": "#77cfd8", "white": "#ffffff", "black": "#7d8890"}  # fmt: skip
NIGHT = "dcmsend --progress --journal night.journal -aec ARCHIVE +sd 127.0.0.1 {port} study"
AGAIN = (
    "dcmsend --progress --journal night.journal --resume --report-html report.html -aec ARCHIVE +sd 127.0.0.1 {port} "
    "study"
)  # fmt: skip
ANSWER_SECONDS = 0.004
REFUSED = (117, 258, 459, 460, 461, 702)

_Row = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Frame:
    """What the terminal shows from one moment on; rows are runs of text with a colour."""

    seconds: float
    rows: tuple[_Row, ...]


def record(folder: Path, *, in_a_hurry: bool = False) -> list[Frame]:
    """Run the two nights in ``folder``; ``in_a_hurry`` without the time that a person needs to follow them."""
    (folder / "study").mkdir()
    for number in range(1, COUNT + 1):
        write_large(folder / "study" / f"IM{number:06d}", LENGTH, number)
    delay = 0.0 if in_a_hurry else ANSWER_SECONDS
    calm = Script(other_stores=Respond(delay=delay))
    trouble = replace(calm, stores={number: Respond(0xA700, delay=delay) for number in REFUSED})
    before, after = ("", "") if in_a_hurry else ("sleep 1; ", "; sleep 2")
    with ScriptedPeer(trouble, calm, calm) as peer:
        lines = [command.format(port=peer.port) for command in (NIGHT, AGAIN)]
        script = "; ".join(f"echo '$ {line}'; {before}{line}; echo{after}" for line in lines)
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        argv = ["sh", "-c", f"cd {folder} && {script}"]
        with Terminal(argv, columns=COLUMNS, rows=ROWS, environment={"PATH": path, "LC_ALL": "C.UTF-8"}) as terminal:
            return list(_frames(terminal))


def _frames(terminal: Terminal) -> Iterator[Frame]:
    begun = time.monotonic()
    last: Frame | None = None
    while terminal.read():
        now = time.monotonic() - begun
        rows = tuple(_row(line) for line in terminal.styled())
        if last is not None and rows == last.rows:
            continue
        if last is not None and now - last.seconds >= SHORTEST:
            yield last
            last = Frame(now, rows)
        else:
            last = Frame(now if last is None else last.seconds, rows)
    if last is not None:
        yield last


def _row(line: list[tuple[str, str]]) -> _Row:
    runs: list[tuple[str, str]] = []
    for text, colour in line:
        if runs and runs[-1][1] == colour:
            runs[-1] = runs[-1][0] + text, colour
        else:
            runs.append((text, colour))
    return tuple(runs)


def picture(frames: list[Frame]) -> str:
    """The frames as an animated SVG; who wants no motion sees the last one."""
    whole = frames[-1].seconds + LAST_SECONDS
    width, height = COLUMNS * WIDTH + 2 * MARGIN, ROWS * HEIGHT + 2 * MARGIN
    style = [
        "text{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;white-space:pre}",
        f"g{{visibility:hidden;animation:{whole:.2f}s step-end infinite}}",
    ]
    body = []
    for number, frame in enumerate(frames):
        begin = 100 * frame.seconds / whole if number else 0.0
        end = 100 * frames[number + 1].seconds / whole if number + 1 < len(frames) else 100.0
        style.append(
            f"@keyframes f{number}{{0%{{visibility:{'hidden' if begin else 'visible'}}}"
            f"{begin:.3f}%{{visibility:visible}}{end:.3f}%{{visibility:hidden}}}}#f{number}{{animation-name:f{number}}}"
        )
        body.append(f'<g id="f{number}">{"".join(_texts(frame))}</g>')
    style.append(
        f"@media (prefers-reduced-motion:reduce){{g{{animation:none}}#f{len(frames) - 1}{{visibility:visible}}}}"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" role="img">'
        "<title>dcmsend in a terminal: a run of which some instances are refused, and a second run that sends them"
        f"</title><style>{''.join(style)}</style>"
        f'<rect width="100%" height="100%" rx="8" fill="#1c2329"/>{"".join(body)}</svg>\n'
    )


def _texts(frame: Frame) -> Iterator[str]:
    for number, row in enumerate(frame.rows):
        parts = "".join(
            f'<tspan fill="{COLOURS.get(colour, COLOURS["default"])}">{escape(text)}</tspan>' for text, colour in row
        )
        if parts:
            yield f'<text x="{MARGIN}" y="{MARGIN + HEIGHT * (number + 0.75):.1f}" xml:space="preserve">{parts}</text>'


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=ROOT / "docs" / "assets", help="where the files go")
    parser.add_argument("--hurry", action="store_true", help="without pauses for a reader")
    arguments = parser.parse_args()
    target = arguments.folder
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        frames = record(folder, in_a_hurry=arguments.hurry)
        (target / "terminal.svg").write_text(picture(frames), encoding="utf-8")
        report = (folder / "report.html").read_text(encoding="utf-8")
        (target / "report.html").write_text(report, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
