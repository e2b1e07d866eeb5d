"""The progress has a line for each host of a cluster."""

from __future__ import annotations

from dcmsend.report import Progress, RunRecord
from dcmsend.report.progress_text import progress_line, progress_screen
from dcmsend.transfer import HostNews, PeerFacts


def progress_of(*news: HostNews) -> Progress:
    now = 0.0

    def clock() -> float:
        nonlocal now
        now += 1
        return now

    progress = Progress(RunRecord(), PeerFacts("pacs", 104, "PACS", "US"), 4, clock)
    for each in news:
        progress.host_news(each)
    return progress


def test_a_line_for_each_host() -> None:
    state = progress_of(
        HostNews("b", 2, 0), HostNews("a", 1, 256), HostNews("b", -1, 1000), HostNews("a", 0, 4)
    ).state()
    assert [each[:3] for each in state.hosts] == [("a", 1, 260), ("b", 1, 1000)]
    lines = progress_screen(state, 80)[3:]
    assert [line.partition(" done")[0] for line in lines] == ["a: 1 association, 260", "b: 1 association, 1 000"]
    assert "; a: 1 association, 260 done, " in progress_line(state)


def test_one_machine_has_no_line() -> None:
    state = progress_of().state()
    assert state.hosts == ()
    assert len(progress_screen(state, 80)) == 3
    assert ";" not in progress_line(state)


def test_of_many_hosts_only_the_first_are_shown() -> None:
    state = progress_of(*[HostNews(f"host{number:02d}", 1, 1) for number in range(20)]).state()
    lines = progress_screen(state, 80)[3:]
    assert len(lines) == 9
    assert lines[-1] == "and 12 more hosts"
