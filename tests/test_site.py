"""The site of the documentation: what it is searched for is found, in a real browser."""

from __future__ import annotations

import json
import re
import sys
import threading
from collections.abc import Iterator
from functools import partial
from html import unescape
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path

import pytest

from dcmsend.cli.option_table import OPTIONS
from support.browser import Browser
from support.processes import wait_until
from support.run import run

ROOT = Path(__file__).parent.parent
NAMES = {name: row.long[2:] for row in OPTIONS for name in (row.short, row.long) if name}

_SEARCH = """
(async () => {
    const config = JSON.parse(document.getElementById("__config").textContent);
    const base = new URL(config.base + "/", location);
    const index = await (await fetch(new URL("search/search_index.json", base))).json();
    const worker = new Worker(new URL(config.search, location));
    const ask = message => new Promise((resolve, reject) => {
        worker.onmessage = event => resolve(event.data);
        worker.onerror = event => reject(event.message);
        worker.postMessage(message);
    });
    await ask({type: 0, data: {config: index.config, docs: index.docs, options: {}}});
    const found = {};
    for (const name of $NAMES) {
        const answer = await ask({type: 2, data: name});
        found[name] = answer.data.items.map(page => page.map(section => section.location));
    }
    return found;
})()
"""
"""Asks the theme's own searcher, as the page does, for each name; gives the sections of each page, the best first."""


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the site, built anew once for all tests: they only read it."""
    if find_spec("material") is None or find_spec("mkdocstrings") is None:
        pytest.skip("PEER MISSING: mkdocs: not installed (extra docs)")
    folder = tmp_path_factory.mktemp("documentation") / "site"
    done = run(sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-d", folder, cwd=ROOT,
               environment={"NO_MKDOCS_2_WARNING": "1"})  # fmt: skip
    assert done.exit_code == 0, done.stderr
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.slow
@pytest.mark.peer("chromium")
@pytest.mark.timeout(600)
def test_search_finds_every_option_by_its_name(site: str, tmp_path: Path) -> None:
    """With its dashes or plus sign; the page of options comes first, and the option's section is among its results."""
    with Browser(tmp_path / "profile", seconds=300) as browser:
        browser.open(f"{site}/index.html")
        found = browser.evaluate(_SEARCH.replace("$NAMES", json.dumps(list(NAMES))))
    assert found.keys() == NAMES.keys()
    for name, pages in found.items():
        assert pages, name
        assert f"options.html#{NAMES[name]}" in pages[0], (name, pages)


_FITS = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
_REPORT = "document.querySelector('iframe').contentDocument.querySelector('h1').textContent"


@pytest.mark.peer("chromium")
@pytest.mark.timeout(600)
def test_the_landing_page_shows_a_terminal_and_a_report(site: str, tmp_path: Path) -> None:
    """Opened anew for each width, in one browser."""
    with Browser(tmp_path / "profile", seconds=300) as browser:
        for width in (1200, 400):
            browser.call("Emulation.setDeviceMetricsOverride",
                         width=width, height=1600, deviceScaleFactor=1, mobile=False)  # fmt: skip
            browser.open(f"{site}/index.html")
            _check_landing_page(browser, width)
    assert browser.complaints == []


def _check_landing_page(browser: Browser, width: int) -> None:
    assert browser.evaluate("document.querySelector('img[src$=\"terminal.svg\"]').clientWidth") > width / 3
    browser.evaluate("document.querySelector('iframe').scrollIntoView()")
    wait_until(lambda: browser.evaluate(f"(() => {{ try {{ return {_REPORT} }} catch (e) {{ return '' }} }})()"),
               120, "the report")  # fmt: skip
    assert "stored" in browser.evaluate(_REPORT)
    assert browser.evaluate(_FITS), width


def test_the_recording_is_what_the_program_shows(tmp_path: Path) -> None:
    """Made anew, it ends with the same lines, and the report has the same headline.

    How the first night ends may be told in more lines: one that took long gets advice.
    """
    done = run(sys.executable, ROOT / "scripts" / "record_terminal.py", "--hurry", "--folder", tmp_path)
    assert done.exit_code == 0, done.stderr
    shown = [_last_frame(folder / "terminal.svg") for folder in (ROOT / "docs" / "assets", tmp_path)]
    assert shown[0][-5:] == shown[1][-5:]
    assert "Exit 101: 6 may succeed when run again (--resume)." in shown[0]
    assert "Exit 101: 6 may succeed when run again (--resume)." in shown[1]
    titles = [re.findall("<title>(.*?)</title>", (folder / "report.html").read_text(encoding="utf-8"))[0]
              for folder in (ROOT / "docs" / "assets", tmp_path)]  # fmt: skip
    assert titles[0] == titles[1]


def _last_frame(picture: Path) -> list[str]:
    """Its lines, without what differs from run to run."""
    *_, last = re.findall(r"<g id=.*?</g>", picture.read_text(encoding="utf-8"))
    lines = [unescape(re.sub("<[^>]*>", "", text)) for text in re.findall("<text.*?</text>", last)]
    return [re.sub(r"[\d.]+ (k|M)?B/s|[\d.]+/s|in \d+s| \d{4,5} ", "N ", line) for line in lines]
