"""The objects of one round, every version that they ever had, and what their store does wrong."""

from __future__ import annotations

import hashlib
import random
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from support.fixture_files import CT_CLASS, EI, UID_ROOT, explicit_element, meta_header
from support.store_servers import Answer, Request, StorePlace

__all__ = ["BUSY", "FINAL", "MOODS", "Tonight", "Version", "World"]

FINAL = ("404", "403")
BUSY = ("503", "429", "cut", "stall")
MOODS: Mapping[str, Mapping[str, float]] = {
    "good": {},
    "rough": {"503": 0.05, "429": 0.03, "cut": 0.08, "stall": 0.05, "404": 0.01, "403": 0.01, "change": 0.03},
    "changing": {"change": 0.15, "change another": 0.15},
    "busy": {"503": 0.4, "429": 0.2, "cut": 0.1},
    "refusing": {"404": 0.1, "403": 0.1},
}
"""What goes wrong with requests for objects, and its probability."""
_OF_HEAD = 0.3
_OF_LIST = 0.04
_ALL_NIGHT = 0.04
_LONGEST_STALL = 1.5
_SIZES = (0, 10, 3000, 30_000, 200_000)


@dataclass(frozen=True)
class Version:
    """What an object has held.

    Attributes:
        stored: SOP Instance UID and SHA-256 of the data set; None if it is not an instance.
        etag: as the stores make it.
    """

    etag: str
    stored: tuple[str, str] | None


@dataclass
class Tonight:
    """What the store was asked in one night, and what it has done.

    Attributes:
        began_with: the version of each object when the night began.
        faults: what went wrong with GET, in order, for each object; ``""`` for the list.
        served: how often each object was fetched from its beginning on, and nothing went wrong.
        unseen: what went wrong with HEAD, for each object.
        put: the versions that objects got during the night.
    """

    mood: str
    began_with: dict[str, Version]
    spoilt: dict[str, str] = field(default_factory=dict)
    faults: dict[str, list[str]] = field(default_factory=dict)
    served: Counter[str] = field(default_factory=Counter)
    unseen: dict[str, list[str]] = field(default_factory=dict)
    requests: int = 0
    put: dict[str, list[Version]] = field(default_factory=dict)


class World:
    """The objects below one prefix.

    Attributes:
        url: of the prefix.
        versions: of each object by its name below the prefix; the last one is the present one.
        tonight: of the night that goes on.
    """

    def __init__(self, place: StorePlace, prefix: str, chance: random.Random, *, has_lists: bool) -> None:
        self.url = f"{place.url}{prefix}/"
        self.has_lists = has_lists
        self._place, self._prefix, self._chance = place, f"{prefix}/", chance
        self._lock = threading.Lock()
        self._number = 0
        self.versions: dict[str, list[Version]] = {}
        self.tonight = Tonight("good", {})
        place.script = self._answer

    # --- objects

    def add(self, count: int) -> None:
        """Store new instances under new names."""
        for _ in range(count):
            with self._lock:
                name = f"{self._chance.choice(('', 'a/', 'a/b/'))}{self._number + 1:05d}.dcm"
            self.put(name, self._instance())

    def add_no_dicom(self) -> None:
        """Store something else."""
        self.put(f"text-{self._number}.txt", b"no DICOM", is_instance=False)

    def put(self, name: str, content: bytes, *, is_instance: bool = True) -> None:
        """Store a content under a name, and remember it first."""
        start = 144 + int.from_bytes(content[140:144], "little")
        stored = (self._uid_of(content), hashlib.sha256(content[start:]).hexdigest()) if is_instance else None
        version = Version(hashlib.md5(content).hexdigest(), stored)
        with self._lock:
            self.versions.setdefault(name, []).append(version)
            self.tonight.put.setdefault(name, []).append(version)
        self._place.put(self._prefix + name, content)

    def change(self, name: str) -> None:
        """Store another instance under a name, or another data set of the same instance."""
        stored = self.versions[name][-1].stored
        with self._lock:
            uid = stored[0] if stored is not None and self._chance.random() < 0.5 else ""
        self.put(name, self._instance(uid))

    def instances(self) -> list[str]:
        """The names of all objects that are instances."""
        return sorted(name for name, versions in self.versions.items() if versions[-1].stored is not None)

    def _instance(self, uid: str = "") -> bytes:
        with self._lock:
            self._number += 1
            number, size = self._number, self._chance.choice(_SIZES)
        uid = uid or f"{UID_ROOT}.60.{number}"
        data_set = (
            explicit_element(0x0008, 0x0016, "UI", CT_CLASS.encode(), pad=b"\0")
            + explicit_element(0x0008, 0x0018, "UI", uid.encode(), pad=b"\0")
            + explicit_element(0x0010, 0x4000, "LT", f"content {number}".encode())
        )
        pixels = random.Random(number).randbytes(size)
        data_set += b"\xe0\x7f\x10\x00OB\0\0" + len(pixels).to_bytes(4, "little") + pixels
        return meta_header(CT_CLASS, uid, EI) + data_set

    @staticmethod
    def _uid_of(content: bytes) -> str:
        start = content.index(b"\x08\x00\x18\x00UI") + 6
        length = int.from_bytes(content[start : start + 2], "little")
        return content[start + 2 : start + 2 + length].rstrip(b"\0").decode()

    # --- what goes wrong

    def begin_night(self, mood: str) -> None:
        """Behave like this from now on."""
        tonight = Tonight(mood, {name: versions[-1] for name, versions in self.versions.items()})
        if mood not in ("good", "changing"):
            for name in self.versions:
                if self._chance.random() < _ALL_NIGHT:
                    tonight.spoilt[name] = self._chance.choice(("503", "429", "404", "403"))
        with self._lock:
            self.tonight = tonight

    def _answer(self, request: Request) -> Answer | None:
        name = request.name.removeprefix(self._prefix)
        if request.name and not request.name.startswith(self._prefix):
            return None
        with self._lock:
            tonight = self.tonight
            tonight.requests += 1
            fault = self._fault_of(request, name, tonight)
            if fault and request.method == "HEAD":
                tonight.unseen.setdefault(name, []).append(fault)
            elif fault:
                tonight.faults.setdefault(name, []).append(fault)
            elif request.method == "GET" and name and request.range.partition("-")[0] in ("", "bytes=0"):
                tonight.served[name] += 1
            other = self._chance.choice(self.instances())
            length, seconds = self._chance.randrange(400), self._chance.random() * _LONGEST_STALL
        if fault.startswith("change"):
            self.change(name if fault == "change" else other)
            return None
        if fault == "cut":
            return Answer(cut=length)
        if fault == "stall":
            goes_on = threading.Event()
            threading.Timer(seconds, goes_on.set).start()
            return Answer(stall=goes_on)
        return Answer(int(fault)) if fault else None

    def _fault_of(self, request: Request, name: str, tonight: Tonight) -> str:
        if not name:
            is_due = tonight.mood in ("rough", "busy") and self._chance.random() < _OF_LIST
            return self._chance.choice(("503", "cut")) if is_due else ""
        fault = tonight.spoilt.get(name) or self._drawn(tonight.mood)
        if request.method == "HEAD" and (not fault.isdigit() or self._chance.random() > _OF_HEAD):
            return ""
        if fault.startswith("change") and name not in self.instances():
            return ""
        return fault

    def _drawn(self, mood: str) -> str:
        at = self._chance.random()
        for fault, share in MOODS[mood].items():
            if at < share:
                return fault
            at -= share
        return ""
