"""All options of the command line, one row each.

Parsing, the usage text, the documentation and the tests are made from this table alone.
Names, value names, groups and checks are those of DCMTK's dcmsend 3.6.7 (and of 3.6.9 for the IP protocol version).
Options of DCMTK's storescu and our own options are in separate groups at the end.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

__all__ = [
    "DIMSE_ONLY", "EXCLUSIVE", "FILE_LISTS", "JOURNAL_OPTIONS", "OPTIONS", "PARAMETERS", "PROGRESS", "SECRET",
    "SECURITY_OPTIONS", "STORESCU_GROUP", "TICKETS", "TLS_OPTIONS", "WEB_OPTIONS", "Limits", "OptionRow", "find_option",
]


class Limits:
    """Inclusive range of a whole number; ``high`` None means no upper limit."""

    __slots__ = ("high", "low")

    def __init__(self, low: int, high: int | None = None) -> None:
        self.low: Final = low
        self.high: Final = high


class OptionRow:
    """One option.

    Attributes:
        long: name with two dashes; messages always show this one.
        short: short name, ``""`` for none.
        value: description of the value in the usage text, ``""`` for an option without value; each of several values
            has a letter in brackets.
        limits: range of a value that is a whole number in DCMTK's way of reading numbers; None for any other value.
        group: heading in the usage text.
        subgroup: second heading, ``""`` for none.
        text: description, line by line, each short enough for the usage text.
        is_exclusive: whether the option excludes all other work.
        is_ours: whether DCMTK's dcmsend does not have the option.
    """

    __slots__ = ("group", "is_exclusive", "is_ours", "limits", "long", "short", "subgroup", "text", "value")

    def __init__(
        self, long: str, short: str, text: tuple[str, ...], *, group: str, subgroup: str = "", value: str = "",
        limits: Limits | None = None, is_exclusive: bool = False, is_ours: bool = False,
    ) -> None:
        self.long: Final = long
        self.short: Final = short
        self.text: Final = text
        self.group: Final = group
        self.subgroup: Final = subgroup
        self.value: Final = value
        self.limits: Final = limits
        self.is_exclusive: Final = is_exclusive
        self.is_ours: Final = is_ours

    @property
    def value_count(self) -> int:
        """The number of arguments after the option that belong to it."""
        return self.value.count("[")

    def __repr__(self) -> str:
        return f"OptionRow({self.long!r})"


_Row = tuple[str, str, str, Limits | None, tuple[str, ...]]
"""Short name, long name, value, limits, description."""

PARAMETERS: Final = (
    ("peer", "host name or address of the peer"),
    ("port", "TCP port of the peer"),
    ("dcmfile-in", "DICOM files or directories to be sent"),
)
"""Name and description of each mandatory parameter; the last one may be repeated."""

_AT_LEAST_ONE: Final = Limits(1)
_PDU_LENGTH: Final = Limits(4096, 131072)

_DCMTK_GROUPS: Final[tuple[tuple[str, str, tuple[_Row, ...]], ...]] = (
    ("general options", "", (
        ("-h", "--help", "", None, ("show this text, then exit",)),
        ("", "--version", "", None, ("show version and libraries, then exit",)),
        ("", "--list-decoders", "", None, ("show what can be decoded, then exit",)),
        ("", "--arguments", "", None, ("log the command line after expansion",)),
        ("-q", "--quiet", "", None, ("only log what is fatal",)),
        ("-v", "--verbose", "", None, ("log each step",)),
        ("-d", "--debug", "", None, ("log everything that helps to find a fault",)),
        ("-ll", "--log-level", "[l]evel: string constant", None, (
            "(fatal, error, warn, info, debug, trace)", "log messages from level l upwards")),
        ("-lc", "--log-config", "[f]ilename: string", None, ("log as the configuration file f says",)),
        ("+v", "--verbose-pc", "", None, ("log what is negotiated (needs verbose mode)",)),
    )),
    ("input options", "input file format", (
        ("+f", "--read-file", "", None, ("take files with or without meta header",)),
        ("+fo", "--read-file-only", "", None, ("take only files with meta header (default)",)),
        ("-f", "--read-dataset", "", None, ("take files as data sets without meta header",)),
    )),
    ("input options", "input files", (
        ("+rd", "--read-from-dicomdir", "", None, ("send the files to which a DICOMDIR refers",)),
        ("+sd", "--scan-directories", "", None, ("send what lies in directories (dcmfile-in)",)),
        ("+sp", "--scan-pattern", "[p]attern: string (only w/ --scan-directories)", None, (
            "from directories only names that match p",)),
        ("-r", "--no-recurse", "", None, ("stay out of sub-directories (default)",)),
        ("+r", "--recurse", "", None, ("enter sub-directories as well",)),
    )),
    ("processing options", "transfer syntax conversion", (
        ("-dn", "--decompress-never", "", None, ("send every data set as it is",)),
        ("+dls", "--decompress-lossless", "", None, ("decompress only what is lossless (default)",)),
        ("+dly", "--decompress-lossy", "", None, ("decompress what is lossy as well",)),
    )),
    ("processing options", "deflate compression level", (
        ("+cl", "--compression-level", "[l]evel: integer (default: 6)", Limits(0, 9), (
            "0 stores, 1 is fastest, 9 is smallest",)),
    )),
    ("processing options", "other processing options", (
        ("-nh", "--no-halt", "", None, ("go on after an invalid file and after an", "instance that cannot be sent")),
        ("-nip", "--no-illegal-proposal", "", None, (
            "propose nothing for lossless compression that", "DCMTK cannot undo (JPEG 2000) or we may not")),
        ("-nuc", "--no-uid-checks", "", None, ("take the UIDs of files without a check",)),
    )),
    ("network options", "IP protocol version", (
        ("-i4", "--ipv4", "", None, ("look up IPv4 addresses only (default)",)),
        ("-i6", "--ipv6", "", None, ("look up IPv6 addresses only",)),
        ("-i0", "--ip-auto", "", None, ("take whatever address the peer has",)),
    )),
    ("network options", "application entity titles", (
        ("-aet", "--aetitle", "[a]etitle: string", None, ("our own AE title (default: DCMSEND)",)),
        ("-aec", "--call", "[a]etitle: string", None, ("AE title of the peer (default: ANY-SCP)",)),
    )),
    ("network options", "association handling", (
        ("+ma", "--multi-associations", "", None, (
            "open a further association when one cannot", "carry all instances (default)")),
        ("-ma", "--single-association", "", None, ("open one association and no more",)),
    )),
    ("network options", "other network options", (
        ("-to", "--timeout", "[s]econds: integer (default: unlimited)", _AT_LEAST_ONE, (
            "longest wait for a connection",)),
        ("-ta", "--acse-timeout", "[s]econds: integer (default: 30)", _AT_LEAST_ONE, (
            "longest wait for an ACSE answer",)),
        ("-td", "--dimse-timeout", "[s]econds: integer (default: unlimited)", _AT_LEAST_ONE, (
            "longest wait for a DIMSE response",)),
        ("-pdu", "--max-pdu", "[n]umber of bytes: integer (4096..131072)", _PDU_LENGTH, (
            "longest PDU to be received (default: 16384)",)),
        ("", "--max-send-pdu", "[n]umber of bytes: integer (4096..131072)", _PDU_LENGTH, (
            "longest PDU to be sent",)),
    )),
    ("output options", "general", (
        ("+crf", "--create-report-file", "[f]ilename: string", None, (
            "at the end write a report on every instance", "to the text file f")),
    )),
)

STORESCU_GROUP: Final = "further options (as in DCMTK's storescu)"

_STORESCU_GROUPS: Final[tuple[tuple[str, str, tuple[_Row, ...]], ...]] = (
    (STORESCU_GROUP, "user identity", (
        ("-usr", "--user", "[u]ser name: string", None, ("tell the peer that the user is u",)),
        ("-pwd", "--password", "[p]assword: string (only with --user)", None, (
            "the user's password is p; other users can see", "it in the list of processes")),
        ("-epw", "--empty-password", "", None, ("the user's password is empty",)),
        ("-kt", "--kerberos", "[f]ilename: string", None, ("identify the user by the Kerberos ticket in f",)),
        ("", "--saml", "[f]ilename: string", None, ("identify the user by the SAML assertion in f",)),
        ("", "--jwt", "[f]ilename: string", None, ("identify the user by the JSON Web Token in f",)),
        ("-rsp", "--pos-response", "", None, ("give up unless the peer confirms the user",)),
    )),
    (STORESCU_GROUP, "transport layer security (TLS)", (
        ("-tls", "--disable-tls", "", None, ("connect without TLS (default)",)),
        ("+tls", "--enable-tls", "[p]rivate key file, [c]ertificate file: string", None, (
            "connect with TLS and show our certificate",)),
        ("+tla", "--anonymous-tls", "", None, ("connect with TLS, without a certificate",)),
    )),
    (STORESCU_GROUP, "TLS: password of the private key (only with --enable-tls)", (
        ("+ps", "--std-passwd", "", None, ("ask for the password if there is one (default)",)),
        ("+pw", "--use-passwd", "[p]assword: string", None, ("the password is p; other users can see it",)),
        ("-pw", "--null-passwd", "", None, ("the password is empty",)),
    )),
    (STORESCU_GROUP, "TLS: who is trusted (default: whom the system trusts)", (
        ("+cf", "--add-cert-file", "[f]ilename: string", None, ("trust the certificates in the PEM file f",)),
        ("+cd", "--add-cert-dir", "[d]irectory: string", None, ("trust those in the PEM files of directory d",)),
    )),
    (STORESCU_GROUP, "TLS: profile of BCP 195", (
        ("+py", "--profile-bcp195-nd", "", None, ("TLS 1.2 or 1.3, non-downgrading (default)",)),
        ("+px", "--profile-bcp195", "", None, ("TLS 1.0 to 1.3, for old peers",)),
        ("+pz", "--profile-bcp195-ex", "", None, ("TLS 1.2 with a few cipher suites, extended",)),
    )),
    (STORESCU_GROUP, "TLS: authentication of the peer", (
        ("-rc", "--require-peer-cert", "", None, ("the peer's certificate must be valid (default)",)),
        ("-ic", "--ignore-peer-cert", "", None, ("accept any certificate (insecure)",)),
    )),
)

_OUR_GROUPS: Final[tuple[tuple[str, str, tuple[_Row, ...]], ...]] = (
    ("further options (not in DCMTK)", "help", (
        ("", "--help-all", "", None, ("show all options at length, then exit",)),
    )),
    ("further options (not in DCMTK)", "input files", (
        ("", "--dicomdir-allow-outside", "", None, ("follow a DICOMDIR out of its directory",)),
        ("", "--files-from", "[f]ilename: string", None, (
            "also send what is named in f, one name a line", "(- is the standard input)")),
        ("", "--files-from0", "[f]ilename: string", None, (
            "also send what is named in f, where each name", "ends with a NUL byte",)),
        ("", "--archives", "", None, (
            "send what is in zip and tar archives (.tar.gz", ".bz2, .xz, .zst), named or found")),
        ("", "--include", "[p]attern: string", None, (
            "take only paths below the named folder that", "match p, ** crosses folders; may be repeated")),
        ("", "--exclude", "[p]attern: string", None, (
            "leave out paths that match p; of both options", "the first one that matches counts")),
        ("", "--only", "[r]ule: keyword=pattern", None, (
            "take only instances in which an element has a", "value like that: Modality=CT; may be repeated")),
        ("", "--skip", "[r]ule: keyword=pattern", None, (
            "leave out instances in which an element has a", "value like that; may be repeated")),
        ("", "--min-age", "[d]uration: 90, 90s, 15m, 7h", None, (
            "leave files for the next run that were", "modified less than d ago")),
        ("", "--storage-option", "[o]ption: name=value", None, (
            "an option for object stores (s3:, gs:, az:,", "sftp:, https:) and web servers; no secrets")),
        ("", "--fetch-parallel", "[n]umber: integer (1..128, default: 16)", None, (
            "fetch n objects of stores at the same time",)),
    )),
    ("further options (not in DCMTK)", "web service (STOW-RS) instead of peer and port", (
        ("", "--stow", "[u]rl: string", None, (
            "send to the web service at u, by HTTP, without", "peer and port; implies -nh and", "--require-stored")),
        ("", "--stow-batch", "[n]umber: integer (1..10000, default: 50)", None, (
            "up to n instances in one request",)),
        ("", "--stow-batch-bytes", "[n]umber of bytes: 500k, 20M (default: 64Mi)", None, (
            "up to n bytes in one request; an instance that", "is larger goes alone",)),
        ("", "--bearer-file", "[f]ilename: string", None, (
            "authorize the requests by the token in f; f is", "read again when it changes")),
        ("", "--bearer-command", "[c]ommand: string", None, (
            "authorize them by the token that c prints (no", "shell); c runs again when that is refused")),
    )),
    ("further options (not in DCMTK)", "processing", (
        ("", "--send-while-scanning", "", None, (
            "send the first file before all are found;", "implies -nh and --require-stored")),
        ("", "--halt", "", None, (
            "stop at the first error, overriding -nh and", "--retry")),
        ("", "--normalize", "", None, ("encode every data set anew in canonical form",)),
        ("", "--keep-ybr", "", None, ("no YBR to RGB conversion of lossless JPEG",)),
    )),
    ("further options (not in DCMTK)", "several runs", (
        ("", "--journal", "[f]ilename: string", None, (
            "keep in f what becomes of each instance;", "implies -nh and --require-stored")),
        ("", "--resume", "", None, ("go on with f: send all that is not stored",)),
        ("", "--move-sent", "[d]irectory: string", None, (
            "move files to d once they are stored",)),
        ("", "--verify", "", None, (
            "ask the archive afterwards what it has by", "C-FIND, with a journal also of earlier runs;",
            "what it lacks is sent once more; implies -nh", "and --require-stored")),
        ("", "--verify-peer", "[p]eer: aet@host:port or host:port", None, (
            "--verify asks p (default: the receiver)",)),
        ("", "--commit", "", None, (
            "ask the receiver afterwards to commit itself", "to what it has (Storage Commitment), else like",
            "--verify; needs a journal")),
        ("", "--commit-port", "[p]ort: n or address:n", None, (
            "listen there for the archive's reports", "(default: take those over our own association)")),
        ("", "--commit-from", "[a]etitle: string", None, (
            "take reports from this AE title only",)),
        ("", "--commit-wait", "[d]uration: 90, 90s, 15m, 7h", None, (
            "wait for reports until none comes for d, 0 =", "ask and leave (default: 60, with a port 10m)")),
        ("", "--shard", "[s]hard: i/n or env/n, i from 1 to n", None, (
            "send only the i-th of n parts, by file names",
            "(env: by SLURM or Kubernetes); implies -nh and", "--require-stored")),
        ("", "--cluster", "[a]ddress: local:n, tls://host:port", None, (
            "have the workers of a Dask cluster send; needs", "a journal; implies -nh and --require-stored")),
        ("", "--cluster-tls", "[a]uthority, [c]ertificate, [k]ey: PEM files", None, (
            "TLS with the scheduler: trust a, show c with k",)),
    )),
    ("further options (not in DCMTK)", "network", (
        ("", "--parallel-associations", "[n]umber: 1..128, auto or auto:n (default: 1)", None, (
            "send over n associations at the same time;", "auto = as many as help, up to n (default: 8);",
            "--cluster: over all hosts (default: workers)")),
        ("", "--keep-together", "[g]roup: none, directory, series, study", None, (
            "send a group over one of the associations, in", "order (default: none)")),
        ("", "--async-window", "[n]umber: integer (2..65535)", None, (
            "propose to have n requests in flight",)),
        ("", "--max-rate", "[n]umber of bytes: 500k, 20M, 1Gi", None, (
            "send at most n bytes a second; a timetable is", "\"08:00,2M 18:00,off\", in local time")),
        ("", "--max-instances-rate", "[n]umber: integer", None, (
            "send at most n instances a second; takes a", "timetable, too",)),
        ("", "--idle-timeout", "[d]uration: 90, 90s, 15m, 7h (default: 300)", None, (
            "give up when no byte moves for d, 0 = never",)),
    )),
    ("further options (not in DCMTK)", "further attempts, end", (
        ("", "--retry", "[n]umber: integer (default: 0)", None, (
            "send an instance up to n times more after an",
            "error that may pass; implies -nh and", "--require-stored")),
        ("", "--retry-delay", "[d]uration: 90, 90s, 15m, 7h (default: 5)", None, (
            "wait d before a further attempt, twice as long", "after each in vain, up to 5 minutes")),
        ("", "--retry-max-time", "[d]uration: 90, 90s, 15m, 7h (default: 1h)", None, (
            "give up when nothing is stored for d",)),
        ("", "--stop-after-failures", "[n]umber: integer (with --retry: 100)", None, (
            "stop when n instances in a row are not stored",)),
        ("", "--stop-at", "[t]ime: HH:MM, 00:00 to 23:59", None, (
            "start no new transfers after t",)),
        ("", "--max-duration", "[d]uration: 90, 90s, 15m, 7h", None, (
            "start no new transfers after d",)),
    )),
    ("further options (not in DCMTK)", "security", (
        ("", "--password-file", "[f]ilename: string (only with --user)", None, (
            "the password is the first line of f", "(with --stow: all of f)",)),
        ("", "--tls-key-password-file", "[f]ilename: string (only with --enable-tls)", None, (
            "the password of the private key is the first", "line of f")),
        ("", "--tls-server-name", "[n]ame: string", None, ("the certificate must be for n (default: peer)",)),
        ("", "--tls-no-hostname-check", "", None, ("the certificate may be for any host",)),
    )),
    ("further options (not in DCMTK)", "result", (
        ("", "--progress", "", None, (
            "show how far the run is (default on a", "terminal); elsewhere a line a minute")),
        ("", "--no-progress", "", None, ("do not show how far the run is",)),
        ("", "--require-stored", "", None, ("exit codes tell whether everything was stored",)),
        ("", "--dry-run", "", None, ("check and plan, show what would be proposed,", "but do not connect")),
        ("", "--probe-peer", "", None, (
            "like --dry-run, and ask the peer whether it", "would take them; nothing is stored")),
        ("", "--report-json", "[f]ilename: string", None, (
            "write a report as one JSON object to f (- is", "the standard output)")),
        ("", "--report-jsonl", "[f]ilename: string", None, (
            "write one JSON object a line to f during the", "run")),
        ("", "--report-csv", "[f]ilename: string", None, ("write a report as comma separated values to f",)),
        ("", "--report-html", "[f]ilename: string", None, ("write a report as a page for people to f",)),
        ("", "--metrics-file", "[f]ilename: string", None, (
            "replace f every 10 seconds and at the end by", "metrics of the run for Prometheus")),
        ("", "--report-patient", "", None, ("these reports show the patient's name and id",)),
    )),
)

EXCLUSIVE: Final = ("--help", "--help-all", "--version", "--list-decoders")
"""Options that exclude all other work, the strongest first."""


JOURNAL_OPTIONS: Final = ("--journal", "--resume", "--move-sent")
"""Options of the journal."""

PROOF_OPTIONS: Final = ("--verify", "--verify-peer", "--commit", "--commit-port", "--commit-from", "--commit-wait")
"""Options of what the archive is asked afterwards."""

REPORTS: Final = ("--report-json", "--report-jsonl", "--report-csv", "--report-html")
"""Options with the name of a report of ours."""

METRICS: Final = "--metrics-file"

REPORT_OPTIONS: Final = (
    *REPORTS, METRICS, "--report-patient", "--create-report-file", "--journal", "--verify", "--commit",
)  # fmt: skip
"""Options that name a file to be written, and those that change what is in it."""

WEB_OPTIONS: Final = ("--stow", "--stow-batch", "--stow-batch-bytes", "--bearer-file", "--bearer-command")
"""Options of a web service."""

DIMSE_ONLY: Final = (
    "--ipv4", "--ipv6", "--ip-auto", "--aetitle", "--call", "--multi-associations", "--single-association",
    "--acse-timeout", "--max-pdu", "--max-send-pdu", "--no-illegal-proposal", "--verbose-pc", "--compression-level",
    "--async-window", "--password", "--empty-password", "--kerberos", "--saml", "--jwt", "--pos-response",
    "--verify-peer", "--commit", "--commit-port", "--commit-from", "--commit-wait",
)  # fmt: skip
"""Options that mean nothing to a web service."""

FILE_LISTS: Final = ("--files-from", "--files-from0")
"""Options that replace the last parameter."""

PROGRESS: Final = ("--progress", "--no-progress")
"""Options that say what a person sees of a run, and change nothing of it."""

SECRET: Final = frozenset(("--password", "--use-passwd", "--bearer-command"))
"""Options whose value is never shown; a command may hold a secret among its words."""

TICKETS: Final = frozenset(("--kerberos", "--saml", "--jwt", "--bearer-file"))
"""Options whose value is the name of a file with a secret; users may give the secret itself by mistake."""


def _rows() -> tuple[OptionRow, ...]:
    rows = []
    for groups, is_ours in ((_DCMTK_GROUPS, False), (_STORESCU_GROUPS, True), (_OUR_GROUPS, True)):
        for group, subgroup, members in groups:
            for short, long, value, limits, text in members:
                rows.append(OptionRow(
                    long, short, text, group=group, subgroup=subgroup, value=value, limits=limits,
                    is_exclusive=long in EXCLUSIVE, is_ours=is_ours,
                ))
    return tuple(rows)


OPTIONS: Final = _rows()
"""All options in the order of the usage text."""

SECURITY_OPTIONS: Final = frozenset(
    row.long for row in OPTIONS if row.group == STORESCU_GROUP or row.subgroup == "security"
)
"""Options of TLS and user identity: without any of them neither is loaded."""

TLS_OPTIONS: Final = tuple(
    row.long for row in OPTIONS
    if row.subgroup.startswith(("TLS:", "transport layer security")) or row.long.startswith("--tls-")
)
"""Options of TLS in the order of the usage text."""

RETRY_OPTIONS: Final = frozenset(row.long for row in OPTIONS if row.subgroup == "further attempts, end")
"""Options of retries and of when to stop, which a module of their own reads."""

_BY_NAME: Final = {name: row for row in OPTIONS for name in (row.long, row.short) if name}


def find_option(name: str) -> OptionRow | None:
    """The option with exactly this long or short name."""
    return _BY_NAME.get(name)
