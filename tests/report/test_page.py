"""The page for people, as somebody reads it who answers for a transfer: all its parts agree, and say what to do."""

from __future__ import annotations

import json
import os
import re
import subprocess
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from dcmsend.advice import for_exit
from dcmsend.cli.exit_code import ExitCode
from dcmsend.dicom.tag import (
    ACCESSION_NUMBER,
    MODALITY,
    PATIENT_ID,
    PATIENT_NAME,
    SERIES_INSTANCE_UID,
    SOP_CLASS_UID,
    SOP_INSTANCE_UID,
    STUDY_DATE,
    STUDY_INSTANCE_UID,
)
from dcmsend.index import RejectedInput
from dcmsend.reasons import Reason, Rejection
from dcmsend.report.page import middle
from dcmsend.report.page_words import reason_words
from dcmsend.report.resend import quoted
from dcmsend.transfer import Result
from report.test_html_report import outcome, page_of
from support.corpus import DATA
from support.data_set_bytes import EXPLICIT_LITTLE, file_with
from support.html_page import HtmlPage, text_of
from support.peer_script import Accept, Respond, Script, refuse
from support.programs import installed_dcmsend
from support.run import Run, run
from support.scripted_peer import ScriptedPeer
from support.sending import write_instances

CT = DATA / "pydicom" / "CT_small.dcm"
REFUSED, BUSY = Respond(0xA900), Respond(0xA700)


def write_study(folder: Path, study: int, count: int, values: dict[int, tuple[str, str]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(1, count + 1):
        elements = {
            SOP_CLASS_UID: ("UI", "1.2.840.10008.5.1.4.1.1.2"), SOP_INSTANCE_UID: ("UI", f"1.2.3.{study}.{number}"),
            STUDY_INSTANCE_UID: ("UI", f"1.2.9.{study}"), SERIES_INSTANCE_UID: ("UI", f"1.2.9.{study}.1"), **values,
        }  # fmt: skip
        encoded = [
            (tag, vr, value.encode() + (b"\0" if vr == "UI" else b" ") * (len(value) % 2))
            for tag, (vr, value) in sorted(elements.items())
        ]
        (folder / f"{study}-{number}.dcm").write_bytes(file_with(EXPLICIT_LITTLE.encode(encoded), EXPLICIT_LITTLE.uid))


def send(folder: Path, script: Script, *words: str | Path, **fields: dict[str, str]) -> tuple[Run, HtmlPage]:
    """Send the directory ``in`` of ``folder``, whose page is then ``r.html``."""
    with ScriptedPeer(script) as peer:
        options = ("-nh", "+sd", "+r", "--require-stored", "--report-html", "r.html", *words)
        done = run(installed_dcmsend(), *options, "127.0.0.1", peer.port, "in", cwd=folder, **fields)
    return done, HtmlPage(folder / "r.html")


def send_in_order(folder: Path, peer: ScriptedPeer, *words: str) -> tuple[Run, HtmlPage]:
    """Send the files of the directory ``in`` in the order of their names, so that it is known who gets which answer."""
    paths = [str(path.relative_to(folder)) for path in sorted((folder / "in").iterdir())]
    options = ("-nh", "--require-stored", "--report-html", "r.html", *words)
    done = run(installed_dcmsend(), *options, "127.0.0.1", peer.port, *paths, cwd=folder)
    return done, HtmlPage(folder / "r.html")


def count(text: str) -> int:
    return int(text.replace(" ", ""))


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, HtmlPage]:
    """Twelve files to be sent: one of each trouble, and a file that is no DICOM."""
    folder = tmp_path_factory.mktemp("mixed")
    paths = write_instances(folder / "in", 12)
    paths[10].write_bytes(paths[10].read_bytes()[:-4])
    paths[11].write_bytes(paths[11].read_bytes()[:140])
    (folder / "in" / "readme.txt").write_text("no DICOM")
    return send(folder, Script(stores={2: BUSY, 3: BUSY, 4: REFUSED, 5: Respond(0xB000)}))


def test_one_count_that_all_parts_agree_on(mixed: tuple[Run, HtmlPage]) -> None:
    _, page = mixed
    told = re.fullmatch(r"\W*(\d+) of (\d+) instances have not arrived", page.text("h1"))
    assert told is not None, page.text("h1")
    missing, total = map(int, told.groups())
    assert (missing, total) == (5, 12)
    assert text_of(page.all("title")[0]) == f"{missing} of {total} instances have not arrived - dcmsend"
    numbers = page.numbers
    assert numbers["instances to send"] == total
    assert numbers["stored"] == total - missing
    troubles = ("refused", "failed", "cannot be sent")
    assert sum(numbers[name] for name in troubles) == missing
    assert page.text("ul", "legend") == "stored 7 refused 3 failed 1 cannot be sent 1"
    kinds = page.rows("kinds")
    assert sum(count(row["Instances"]) for row in kinds) == missing
    for name in troubles:
        assert sum(count(row["Instances"]) for row in kinds if row["What happened"] == name) == numbers[name]
    assert len(page.rows("files")) == missing
    assert sum(count(row["Not stored"]) for row in page.rows("studies")) == missing
    tables = [each for each in page.all("table") if "groups" in each.get("class", "").split()]
    assert len(tables) == 2
    for table in tables:
        cells = [[text_of(cell) for cell in row.iter("td")] for row in table.iter("tr")]
        sums = [sum(count(line[column]) for line in cells if line) for column in (1, 2, 3)]
        assert sums == [total, total - missing, missing]
    assert len(page.rows("good")) == total - missing
    (picture,) = [text_of(each) for each in page.all("title") if text_of(each).startswith("Outcomes")]
    assert sum(map(int, re.findall(r"\d+", picture))) == total


def test_what_stands_on_top(mixed: tuple[Run, HtmlPage]) -> None:
    """Verdict, exit code and remedy come before all else, studies before files."""
    done, page = mixed
    assert done.exit_code == 101
    assert page.text("p", "exit").startswith("Exit code 101: ")
    assert [text_of(each) for each in page.one("ul", "remedies")] == [
        "2 may succeed when run again.", "3 need manual action: the table below says what to do."
    ]  # fmt: skip
    headings = page.titles
    wanted = ["Affected studies", "What did not arrive, and what to do", "To send the rest", "Not stored, one by one"]
    assert headings[:4] == wanted


def test_what_ended_the_run_stands_on_top(tmp_path: Path) -> None:
    write_instances(tmp_path / "in", 2)
    done, page = send(tmp_path, Script(stores={1: BUSY}), "--stop-after-failures", "1")
    assert page.text("h1").endswith("2 of 2 instances have not arrived")
    assert page.text("p", "ended").startswith("The run ended early: ")
    assert page.text("p", "exit").startswith(f"Exit code {done.exit_code}: ")
    assert any("--stop-after-failures" in text_of(each) for each in page.one("ul", "remedies"))


def test_an_exit_code_that_tells_nothing_says_so(tmp_path: Path) -> None:
    write_instances(tmp_path / "in", 1)
    with ScriptedPeer(Script(stores={1: REFUSED})) as peer:
        words = ("-nh", "--report-html", "r.html", "127.0.0.1", peer.port, "in/000001.dcm")
        run(installed_dcmsend(), *words, cwd=tmp_path)
    assert "--require-stored" in HtmlPage(tmp_path / "r.html").text("p", "exit")


def test_every_exit_code_has_words() -> None:
    assert [code for code in ExitCode if not for_exit(code, missing=True)] == []


STUDIES = {
    1: {STUDY_DATE: ("DA", "20190304"), MODALITY: ("CS", "CT"), ACCESSION_NUMBER: ("SH", "ACC-4711"),
        PATIENT_NAME: ("PN", "Doe^Jane"), PATIENT_ID: ("LO", "PID-0815")},
    2: {STUDY_DATE: ("DA", "20180102"), MODALITY: ("CS", "MR"), ACCESSION_NUMBER: ("SH", "<b>ACC\x1b[31m"),
        PATIENT_NAME: ("PN", "Roe^Richard"), PATIENT_ID: ("LO", "PID-0816")},
    3: {STUDY_DATE: ("DA", "20170102"), MODALITY: ("CS", "US"), ACCESSION_NUMBER: ("SH", "ACC-9999")},
}  # fmt: skip


@pytest.mark.parametrize("asks", [False, True])
def test_affected_studies_before_files(tmp_path: Path, asks: bool) -> None:
    """By what people know a study; the patient only on request, nothing of it in the log."""
    for study, values in STUDIES.items():
        write_study(tmp_path / "in", study, 3, values)
    words = ("--report-patient",) if asks else ()
    with ScriptedPeer(Script(stores={2: REFUSED, 3: REFUSED, 5: BUSY})) as peer:
        done, page = send_in_order(tmp_path, peer, "-ll", "trace", *words)
    wanted = [
        {"Study date": "2018-01-02", "Modality": "MR", "Accession number": "<b>ACC\\u001b[31m", "Not stored": "1",
         "Instances": "3", "Study Instance UID": "1.2.9.2"},
        {"Study date": "2019-03-04", "Modality": "CT", "Accession number": "ACC-4711", "Not stored": "2",
         "Instances": "3", "Study Instance UID": "1.2.9.1"},
    ]  # fmt: skip
    rows = page.rows("studies")
    patients = [row.pop("Patient", "") for row in rows]
    assert rows == wanted
    assert patients == (["Roe^Richard PID-0816", "Doe^Jane PID-0815"] if asks else ["", ""])
    values = {value for study in STUDIES.values() for tag, (_, value) in study.items() if tag != MODALITY}
    assert not [value for value in values if value in done.stderr + done.stdout]
    if not asks:
        assert not [value for value in ("Doe", "Roe", "PID-08") if value in page.source]
    assert "\x1b" not in page.source


def test_what_cannot_be_sent_is_a_row_of_its_own(tmp_path: Path) -> None:
    """A file without a study is something else than one whose study nobody could read."""
    write_study(tmp_path / "in", 1, 3, STUDIES[1])
    (tmp_path / "in" / "1-9.dcm").write_bytes((tmp_path / "in" / "1-1.dcm").read_bytes()[:150])
    write_instances(tmp_path / "in" / "without", 1)
    _, page = send(tmp_path, Script(other_stores=REFUSED))
    rows = {row["Study Instance UID"]: (row["Not stored"], row["Instances"]) for row in page.rows("studies")}
    unsendable = [uid for uid in rows if "cannot be sent" in uid]
    assert len(unsendable) == 1
    assert rows == {"1.2.9.1": ("3", "3"), "not known": ("1", "1"), unsendable[0]: ("1", "1")}
    assert page.numbers["cannot be sent"] == 1


def test_the_whole_migration_first(tmp_path: Path) -> None:
    """Over two nights; the journal has the totals, this run comes second."""
    write_study(tmp_path / "in", 1, 4, STUDIES[1])
    words = ("--journal", "j", "--resume")
    nights = Script(stores={2: REFUSED, 3: REFUSED}), Script(stores={2: REFUSED, 3: BUSY})
    with ScriptedPeer(*nights) as peer:
        send_in_order(tmp_path, peer, *words)
        write_study(tmp_path / "in", 2, 3, STUDIES[2])
        second, page = send_in_order(tmp_path, peer, *words)
    assert "  one by one in r.html" in second.stderr.splitlines()
    assert "  over all runs 5 of 7 in the journal are stored" in second.stderr.splitlines()
    done = run(str(Path(installed_dcmsend()).with_name("dcmsend-journal")), "--format", "json", "j", cwd=tmp_path)
    rows = json.loads(done.stdout)
    lost = [row for row in rows if row["outcome"] != "stored"]
    assert (len(rows), len(lost)) == (7, 2)
    assert page.text("h1").endswith("2 of 7 instances are not stored over all runs")
    assert page.text("p", "run") == "This run: 2 of 5 instances have not arrived"
    assert page.titles[:3] == ["The whole migration: all runs of the journal", "This run", "Affected studies"]
    assert sum(count(row["Instances"]) for row in page.rows("kinds", "migration")) == len(lost)
    assert sum(count(row["Not stored"]) for row in page.rows("studies", "migration")) == len(lost)
    by_study = {row["Study Instance UID"]: row["Accession number"] for row in page.rows("studies", "migration")}
    accessions = {"1.2.9.1": "ACC-4711", "1.2.9.2": "<b>ACC\\u001b[31m"}
    assert by_study == {row["study_uid"]: accessions[row["study_uid"]] for row in lost}
    assert page.numbers["instances to send"] == 5
    kinds = page.rows("kinds", "migration")
    again = {row["Why"].partition(",")[0]: "Worth sending again." in row["What to do"] for row in kinds}
    assert again == {"0xA900": False, "0xA700": True}


@pytest.mark.parametrize("words", [(), ("--journal", "j")])
def test_what_was_found_is_not_everything_when_the_search_breaks_off(tmp_path: Path, words: tuple[str, ...]) -> None:
    """All that was found has arrived, and nobody knows what else there is: not a good end, and a rest to be sent."""
    write_instances(tmp_path / "in", 2)
    (tmp_path / "list").write_text("in/000001.dcm\nin/000002.dcm\n" + "x" * 200_000)  # no name is as long as that
    with ScriptedPeer(Script()) as peer:
        options = ("--send-while-scanning", "--report-html", "r.html", *words, "--files-from", "list")
        done = run(installed_dcmsend(), *options, "127.0.0.1", peer.port, cwd=tmp_path)
    assert (len(peer.stores), done.exit_code > 0) == (2, True)
    page = HtmlPage(tmp_path / "r.html")
    if words:
        assert page.text("h1") == "! All 2 instances are stored over all runs, but the search was not complete"
        assert page.text("p", "run") == "This run: All 2 instances that were found have arrived"
    else:
        assert page.text("h1") == "! All 2 instances that were found have arrived"
    assert page.text("p", "ended").startswith("The run ended early: ")
    assert [text_of(each) for each in page.one("ul", "remedies")][-1].startswith("The search was not complete")
    assert "To send the rest" in page.titles
    assert page.text("pre").endswith(f"--files-from list 127.0.0.1 {peer.port}")


def test_what_is_in_no_journal_is_told_with_the_whole_migration(tmp_path: Path) -> None:
    """A run that ends early, over files of which one is damaged, does not look like a complete migration."""
    write_study(tmp_path / "in", 1, 5, STUDIES[1])
    (tmp_path / "in" / "1-9.dcm").write_bytes((tmp_path / "in" / "1-1.dcm").read_bytes()[:150])
    words = ("--journal", "j", "--resume", "--stop-after-failures", "1")
    nights = Script(stores={3: REFUSED}), Script(stores={1: REFUSED}), Script()
    with ScriptedPeer(*nights) as peer:
        done, page = send_in_order(tmp_path, peer, *words)
        told = page.text("h1"), page.text("p", "run")
        _, again = send_in_order(tmp_path, peer, *words)
        (tmp_path / "in" / "1-9.dcm").unlink()
        last, complete = send_in_order(tmp_path, peer, *words)
    assert done.exit_code == 102
    assert told[0].endswith("1 of 3 instances is not stored over all runs, and 3 of this run were not sent")
    assert told[1] == "This run: 4 of 6 instances have not arrived"
    assert "3 of this run, not begun or not possible to send, are not counted here" in page.source
    assert again.text("h1").endswith("over all runs, and 3 of this run were not sent")
    assert last.exit_code == 0
    assert complete.text("h1").endswith("All 5 instances are stored over all runs")


def test_nothing_is_lost_but_not_everything_was_begun(tmp_path: Path) -> None:
    write_study(tmp_path / "in", 1, 2, STUDIES[1])
    (tmp_path / "in" / "1-9.dcm").write_bytes((tmp_path / "in" / "1-1.dcm").read_bytes()[:150])
    _, page = send(tmp_path, Script(), "--journal", "j")
    assert page.text("h1").endswith("All 2 instances are stored over all runs, but 1 of this run was not sent")
    assert "1 of this run, not begun or not possible to send, is not counted here" in page.source


def test_a_journal_of_another_run_is_not_told(tmp_path: Path) -> None:
    """A run that may not use a journal does not show what is in it."""
    write_study(tmp_path / "in", 1, 2, STUDIES[1])
    send(tmp_path, Script(), "--journal", "j")
    done, page = send(tmp_path, Script(), "--journal", "j")
    assert done.exit_code == 104
    assert "The whole migration: all runs of the journal" not in page.titles
    assert page.text("h1").endswith("Nothing was sent")


HARD = ["it's $(touch hacked) `x`.dcm", "-option.dcm", "@file.dcm", "new\nline\x1b[31m.dcm", "\u202egnp.dcm",
        os.fsdecode(b"\xff\xfe.dcm"), "ae\u0308.dcm"]  # fmt: skip


def in_shell(page: HtmlPage, folder: Path) -> Run:
    """Do what the page says, as a person who copies it."""
    environment = {"PATH": f"{Path(installed_dcmsend()).parent}{os.pathsep}{os.environ['PATH']}"}
    text = "".join(page.one("pre").itertext())
    return run("bash", "-c", f"set -e\n{text}", cwd=folder.parent, environment=environment)


@pytest.mark.parametrize("with_journal", [False, True])
def test_the_command_sends_the_rest(tmp_path: Path, with_journal: bool) -> None:
    """It is quoted for a shell, whatever the names are, and sends nothing twice."""
    paths = write_instances(tmp_path / "in", len(HARD) + 2)
    for path, name in zip(paths, HARD, strict=False):
        path.rename(path.with_name(name))
    words = ("--journal", "my journal") if with_journal else ()
    with ScriptedPeer(Script(other_stores=BUSY, stores={1: Respond(0), 2: Respond(0)}), Script()) as peer:
        options = ("-nh", "+sd", "+r", "--require-stored", "--report-html", "r.html", *words)
        first = run(installed_dcmsend(), *options, "127.0.0.1", peer.port, "in", cwd=tmp_path)
        assert first.exit_code == 101
        page = HtmlPage(tmp_path / "r.html")
        second = in_shell(page, tmp_path)
    assert second.exit_code == 0, second.stderr
    assert not (tmp_path / "hacked").exists()
    assert HtmlPage(tmp_path / "r.html").source == page.source
    (later,) = tmp_path.glob("r-*.html")
    page = HtmlPage(later)
    assert page.numbers["stored"] == len(HARD)
    assert "To send the rest" not in page.titles


def test_the_command_replaces_no_report(tmp_path: Path) -> None:
    """What the first run has told stays; names that are new each time stay as they are, and so do the metrics."""
    write_instances(tmp_path / "in", 2)
    words = ("+crf", "all.txt", "--report-json", "j}}", "--report-csv", "-", "--report-jsonl", "/dev/null",
             "--metrics-file", "m}.prom")  # fmt: skip
    with ScriptedPeer(Script(other_stores=BUSY), Script()) as peer:
        options = ("-nh", "+sd", "--require-stored", "--report-html", "r.d.html", *words)
        first = run(installed_dcmsend(), *options, "127.0.0.1", peer.port, "in", cwd=tmp_path)
        assert first.exit_code == 101, first.stderr
        kept = {name: (tmp_path / name).read_bytes() for name in ("all.txt", "j}}", "r.d.html")}
        page = HtmlPage(tmp_path / "r.d.html")
        second = in_shell(page, tmp_path)
    assert second.exit_code == 0, second.stderr
    assert second.stdout.count("stored") == 2
    assert {name: (tmp_path / name).read_bytes() for name in kept} == kept
    time = r"-\d{4}-\d\d-\d\d-\d{6}"
    left = {path.name for path in tmp_path.iterdir()} - kept.keys() - {"in", "m}.prom"}
    assert sorted(re.sub(time, "-NOW", name) for name in left) == ["j}}-NOW", "r.d-NOW.html"]
    told = " ".join(text_of(each) for each in page.all("p"))
    assert "Its reports have names of their own" in told
    assert "+crf" in told


def test_reports_that_have_new_names_keep_them(tmp_path: Path) -> None:
    write_instances(tmp_path / "in", 1)
    with ScriptedPeer(Script(other_stores=BUSY)) as peer:
        names = ("--report-html", "r-{run}.html", "--report-csv", "{time}.csv", "--report-json", "{date}.j")
        run(installed_dcmsend(), "-nh", "+sd", *names, "127.0.0.1", peer.port, "in", cwd=tmp_path)
    (path,) = tmp_path.glob("r-*.html")
    page = HtmlPage(path)
    assert "--report-html 'r-{run}.html' --report-csv '{time}.csv' --report-json '{date}-{time}.j'" in page.text("pre")
    assert "+crf" not in " ".join(text_of(each) for each in page.all("p"))


def test_a_file_that_is_named_with_a_dash(tmp_path: Path) -> None:
    """In the directory itself a name may begin as an option does."""
    for path, name in zip(write_instances(tmp_path, 2), ("-1.dcm", "+1 x.dcm"), strict=True):
        path.rename(path.with_name(name))
    with ScriptedPeer(Script(other_stores=BUSY), Script()) as peer:
        words = ("-nh", "--require-stored", "--report-html", "r.html", "127.0.0.1", peer.port, "-1.dcm", "+1 x.dcm")
        assert run(installed_dcmsend(), *words, cwd=tmp_path).exit_code == 101
        assert in_shell(HtmlPage(tmp_path / "r.html"), tmp_path).exit_code == 0


def test_no_secret_is_in_the_command(tmp_path: Path) -> None:
    write_instances(tmp_path / "in", 1)
    done, page = send(tmp_path, Script(stores={1: BUSY}), "--user", "me", "--password", "geheim-4711")
    assert done.exit_code == 101
    assert "geheim" not in page.source
    assert "--password '***'" in page.text("pre")
    assert any("in the place of ***" in text_of(each) for each in page.all("p"))


def test_a_command_that_would_send_everything_says_so(tmp_path: Path) -> None:
    """More files than a command line should name."""
    write_instances(tmp_path / "in", 60)
    _, page = send(tmp_path, Script(other_stores=BUSY, stores={1: Respond(0)}))
    assert page.text("pre").endswith(" in")
    assert any(text_of(each).startswith("It sends everything again") for each in page.all("p"))


@pytest.mark.parametrize("place", ["-", "/dev/stdin"])
def test_names_that_came_from_elsewhere_are_not_asked_for_again(tmp_path: Path, place: str) -> None:
    """A list on standard input, or in a pipe of the shell, is gone; the few files that it named can be named."""
    write_instances(tmp_path / "in", 60)
    for most, titles in ((2, ["To send the rest"]), (60, [])):
        names = "".join(f"in/{number:06d}.dcm\n" for number in range(1, most + 1))
        with ScriptedPeer(Script(other_stores=BUSY)) as peer:
            words = ("-nh", "--report-html", "r.html", "--files-from", place, "127.0.0.1", peer.port)
            run(installed_dcmsend(), *words, cwd=tmp_path, stdin=names.encode())
        page = HtmlPage(tmp_path / "r.html")
        assert [title for title in page.titles if title == "To send the rest"] == titles


@pytest.mark.parametrize("word", ["", "a", "it's", "a b", "$x `y`", "-", "\n", "\x1b[0m", "\u202e", "\udcff", "\\'\n"])
def test_a_shell_reads_the_word_again(word: str) -> None:
    text = quoted(word)
    assert text.isprintable()
    read = subprocess.run(["bash", "-c", f"printf %s {text}"], capture_output=True, check=True).stdout
    assert read == os.fsencode(word)


def test_no_doubled_words_and_no_insides(tmp_path: Path) -> None:
    """Of all reasons, rejections and answers: words for people, each once."""
    troubles = [
        outcome(number, Result.FAILED, reason=reason, message=reason.value.capitalize())
        for number, reason in enumerate(Reason, 1)
    ]
    statuses = (0xA700, 0xA900, 0xC123, 0x0110, 0x0111, 0x0122, 0x0124, 0x0105)
    refused = [outcome(100 + each, Result.REFUSED)._replace(status=each) for each in statuses]
    rejected = [RejectedInput(f"in/{why.name}", "End of stream", True, why=why) for why in Rejection]
    page = HtmlPage(page_of(tmp_path / "r.html", iter(troubles + refused), rejected))
    for row in page.rows("kinds") + page.rows("files"):
        text = " | ".join(value for title, value in row.items() if title not in ("File", "What to do"))
        doubled = re.findall(r"\b(\w{3,})\b(?:\W+\1\b)+", text, re.IGNORECASE)
        assert not doubled, text
        assert not re.search("presentation context|invalid|no context|None|[a-z]_[a-z]", text), text
    for row in page.rows("kinds"):
        assert row["Why"] != row["What happened"]
        assert row["Why"]
        assert row["What to do"]


def test_no_context_in_words(tmp_path: Path) -> None:
    """What the archive takes nothing of, from the installed command."""
    write_instances(tmp_path / "in", 1)
    _, page = send(tmp_path, Script(Accept(refuse())))
    assert [row["Why"] for row in page.rows("files")] == [reason_words(Reason.NO_CONTEXT)]
    assert "no context" not in page.source
    assert "resentation" not in page.text("main")


@pytest.mark.parametrize(("zone", "hours", "minutes"), [("IST-05:30", 5, 30), ("UTC0", 0, 0), ("XST+11", -11, 0)])
def test_local_time_beside_utc(tmp_path: Path, zone: str, hours: int, minutes: int) -> None:
    write_instances(tmp_path / "in", 1)
    _, page = send(tmp_path, Script(), "--report-json", "r.json", environment={"TZ": zone})
    started = datetime.fromisoformat(json.loads((tmp_path / "r.json").read_text())["started"])
    local = started + timedelta(hours=hours, minutes=minutes)
    text = next(text_of(each) for each in page.all("p") if text_of(each).startswith("From "))
    assert f"{started:%Y-%m-%d %H:%M:%S} UTC" in text
    if local == started:
        assert "local time" not in text
    else:
        day = "" if local.date() == started.date() else f"{local:%Y-%m-%d} "
        assert f"({day}{local:%H:%M:%S} local time)" in text


def test_long_names_are_shortened_in_the_middle(tmp_path: Path) -> None:
    folder = "in/archive of radiology/station three/an export for the migration/study 17"
    (path,) = write_instances(tmp_path / folder, 1)
    _, page = send(tmp_path, Script(stores={1: REFUSED}))
    cell = page.all("td", "path")[0]
    assert cell.get("title") == f"{folder}/{path.name}"
    begin, end = text_of(cell).split("\u2026")
    assert cell.get("title", "").startswith(begin)
    assert cell.get("title", "").endswith(end)
    assert path.name in end
    assert len(text_of(cell)) < len(f"{folder}/{path.name}")


@pytest.mark.parametrize("length", [1, 63, 64, 65, 1000])
def test_no_name_becomes_longer(length: int) -> None:
    name = "x" * length
    assert len(middle(name)) == min(length, 64)
    assert (middle(name) == name) == (length <= 64)


STYLES = {"light": "", "dark": "(prefers-color-scheme: dark)", "print": "print"}


@pytest.mark.parametrize("scheme", STYLES)
def test_contrast(mixed: tuple[Run, HtmlPage], scheme: str) -> None:
    """WCAG 2.1 AA: 4.5 for text on each ground, 3 for what pictures are made of; from the page itself."""
    style = "".join(mixed[1].one("style").itertext())
    colours = dict(re.findall(r"--(\w+): (#[0-9a-f]+)", style[: style.index("@media")]))
    if STYLES[scheme]:
        start = style.index(f"@media {STYLES[scheme]} {{ :root")
        own = dict(re.findall(r"--(\w+): (#[0-9a-f]+)", style[start : style.index("} }", start)]))
        assert set(own) == set(colours)
        colours = own
    used = re.findall(r"(?<![-\w])(color|fill|background|outline|border-color): [^;]*?var\(--(\w+)\)", style)
    texts = {name for where, name in used if where == "color"}
    marks = {name for where, name in used if where in ("fill", "outline", "border-color")}
    grounds = {"ground", "card", "wash"}
    assert grounds <= {name for where, name in used if where == "background"}
    assert {"ink", "quiet", "bad", "good", "warn", "lost"} <= texts
    assert "none" in marks
    for ground in sorted(grounds):
        for least, names in ((4.5, texts), (3.0, marks)):
            bad = {name: contrast(colours[name], colours[ground]) for name in names}
            assert not {name: found for name, found in bad.items() if found < least}, ground
    assert not re.findall(r"(?<![-\w])(?:color|fill): (?!var\(|currentColor)[^;}]+", re.sub(r"@media[^{]*", "", style))
    assert "opacity" not in style


def contrast(one: str, other: str) -> float:
    """The ratio of WCAG 2.1."""
    darker, lighter = sorted(map(luminance, (one, other)))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_known_contrasts() -> None:
    assert contrast("#000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#fff") == pytest.approx(4.48, abs=0.01)
