"""Gives a name to a new content again and again until SIGTERM; a program of its own, which begins quickly.

    python name_giver.py PATH KEPT SAME_TIME

What had the name by then is kept in KEPT, so that this program loses nothing; how many contents there were is written
to KEPT/count.  With SAME_TIME 1 all of them have one time of modification.
"""

from __future__ import annotations

import ctypes
import os
import random
import signal
import sys
import time

AT_FDCWD, RENAME_EXCHANGE = -100, 2


def write_all_the_time(path: str, kept: str, same_time: bool, stop: list[int]) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    new, number, chance = f"{path}.new", 0, random.Random(1)
    while not stop:
        with open(new, "w") as file:
            file.write(f"{number:08}")
        number += 1
        if same_time:
            os.utime(new, ns=(10**18, 10**18))
        try:
            os.link(new, path)  # nobody has the name
            os.unlink(new)
        except FileExistsError:
            if library.renameat2(AT_FDCWD, os.fsencode(new), AT_FDCWD, os.fsencode(path), RENAME_EXCHANGE) == 0:
                os.rename(new, f"{kept}/{number:08}")
            else:
                os.link(new, f"{kept}/{number:08}")  # somebody has just taken the other one away
                os.unlink(new)
        time.sleep(chance.choice((0, 0, 0.0001, 0.001)) * chance.random())
    with open(f"{kept}/count", "w") as file:
        file.write(str(number))


if __name__ == "__main__":
    asked: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: asked.append(number))
    write_all_the_time(sys.argv[1], sys.argv[2], sys.argv[3] == "1", asked)
