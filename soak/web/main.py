"""The command: ``scripts/soak_web``."""

from __future__ import annotations

import argparse
import random
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

from soak.rounds import Rounds, numbers, parser_of, seed_of
from soak.web.night import Done, outcomes_of, plan_night, run_night
from soak.web.promises import broken_after_night, broken_at_the_end
from soak.web.proxy import WebProxy
from support.programs import installed_dcmsend
from support.sending import instance_uid
from support.storing import files_of
from support.web_peers import PASSWORD, WebOrthanc, web_orthanc

__all__ = ["main"]

_SIZES = (0, 0, 3_000, 20_000, 70_000, 70_000, 300_000)
"""Of pixels; files above 64 KiB go out by another way."""

_CALM_NIGHTS = 2


def main() -> int:
    """0 if all promises were kept, 1 if not, 2 if the soak itself has failed."""
    arguments = _parser().parse_args()
    seed = seed_of(arguments)
    program = arguments.dcmsend or installed_dcmsend()
    soak = Rounds("soak_web", seed, arguments.keep, verbose=arguments.verbose)
    with tempfile.TemporaryDirectory(prefix="soak-orthanc-") as folder, web_orthanc(Path(folder)) as archive:
        for number in numbers(arguments):
            soak.run(number, lambda root, chance: _Round(root, chance, program, archive, kills=not arguments.no_kills))
    soak.show()
    return soak.exit_code


def _parser() -> argparse.ArgumentParser:
    description = (
        "Random nights with Orthanc's web service, whose sender is killed behind a network that fails; then calm ones."
    )
    parser = parser_of("soak_web", description, 20)
    parser.add_argument("--no-kills", action="store_true", help="let every night come to its end")
    return parser


class _Round:
    """One journal, and the nights with it.

    Attributes:
        told: the nights in words.
        seen: what has happened, counted.
    """

    def __init__(
        self, root: Path, chance: random.Random, program: str, archive: WebOrthanc, *, kills: bool
    ) -> None:  # fmt: skip
        self._root, self._chance, self._program, self._archive = root, chance, program, archive
        self._kills = kills
        self.told: list[str] = []
        self.seen: Counter[str] = Counter()
        (root / "password").write_text(PASSWORD)
        self._proxy = WebProxy(archive.http_port)
        self._wanted: dict[str, Path] = {}
        self._length = 1

    def play(self) -> list[str]:
        """Play all nights; return the promises that were broken."""
        self._archive.forget_all()
        sizes = [self._chance.choice(_SIZES) for _ in range(self._chance.randint(10, 90))]
        paths = files_of(self._root / "in", sizes)
        self._length = sum(path.stat().st_size for path in paths)
        self._wanted = {instance_uid(number): path for number, path in enumerate(paths, start=1)}
        nights = self._chance.randint(2, 5)
        for number in range(1, nights + _CALM_NIGHTS + 2):
            done, broken = self._night(number, is_calm=number > nights)
            if broken:
                return broken
        broken = broken_at_the_end(done, self._journal(), self._archive.instances(), self._wanted)
        return broken or self._changed()

    def _night(self, number: int, *, is_calm: bool) -> tuple[Done, list[str]]:
        night = plan_night(number, self._chance, self._length, is_calm=is_calm)
        if not self._kills:
            night = replace(night, signal="")
        self.told.append(str(night))
        before, there_before = self._journal(), set(self._archive.instances())
        done = run_night(night, self._root, self._proxy, self._program, self._length)
        after, there = self._journal(), set(self._archive.instances())
        self._count(done, after, there)
        return done, broken_after_night(done, before, after, there_before, there)

    def _journal(self) -> dict[str, str]:
        return outcomes_of(self._root / "journal")

    def _changed(self) -> list[str]:
        """Instances that the archive does not give back as their files are."""
        identifiers = self._archive.instances()
        return [
            f"the archive has other bytes: {uid}"
            for uid, path in self._wanted.items()
            if self._archive.get_bytes(f"/instances/{identifiers[uid]}/file") != path.read_bytes()
        ]

    def _count(self, done: Done, after: dict[str, str], there: set[str]) -> None:
        kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(done.fates.items()))
        words = dict(Counter(after.values()))
        self.told.append(
            f"  exit code {done.exit_code}, {done.requests} requests, {done.begun.total()} instances; "
            f"{kinds or 'no fault'}; journal {words}, archive {len(there)}"
        )
        self.seen.update({"nights": 1, "requests": done.requests, "instances": done.begun.total()})
        self.seen.update({f"network: {kind}": count for kind, count in done.fates.items()})
        self.seen[f"exit code {done.exit_code}"] += 1
        if done.document is not None:
            self.seen.update(Counter(f"outcome: {each['outcome']}" for each in done.document["instances"]))

    def close(self) -> None:
        """End the network."""
        self._proxy.close()
