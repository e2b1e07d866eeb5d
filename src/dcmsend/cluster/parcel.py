"""What the driver sends to workers: the settings once a batch, as bytes, and the inputs by their names.

Off this machine no secret travels: files that hold passwords, tickets and keys are read by the workers.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from dcmsend.association import Peer
from dcmsend.errors import UsageError
from dcmsend.inputs import InputFile, Origin, Source
from dcmsend.settings import Settings
from dcmsend.transport import TlsOptions, load_tls

from .errors import ClusterUnusable
from .options import ClusterOptions, is_on_loopback
from .told import error_from, tell_error

if TYPE_CHECKING:
    from dcmsend.inputs import Stores
    from dcmsend.stow import Credentials
    from dcmsend.transfer import Timetable

__all__ = ["check_secrets", "input_from", "pack", "tell_input", "unpack", "with_address"]

_MOST: Final = 64 * 1024
_OF_THIS_PROCESS: Final = ("/dev/fd/", "/dev/std", "/proc/")
"""How the names begin of what is a process's own; below ``/dev/shm`` are files as others are."""
_FILE_OPTIONS: Final = ("client_keys", "known_hosts")
"""Storage options whose values are names of files, except ``none``."""
_NOT_SENT: Final = "cannot be sent by another process: "


def pack(settings: Settings, options: ClusterOptions, limit: int) -> bytes:
    """The settings of a worker, one of ``limit`` that send at a time.

    Raises UsageError if a secret would have to leave this machine.
    """
    peer, transfer, store_options = settings.peer, settings.transfer, settings.inputs.storage_options
    tls, identity = peer.tls, peer.user_identity if isinstance(peer, Peer) else None
    files = check_secrets(settings, options)
    tls_options = None if tls is None else _absolute(tls.options)
    password = None if tls is None or files.get("key") else tls.key_password
    if tls_options is not None:
        tls_options = tls_options.replace(key_password=password)
    changes: dict[str, Any] = {"tls": None}
    if isinstance(peer, Peer):
        changes["user_identity"] = None
    elif peer.credentials is not None:
        changes["credentials"] = _with_full_names(peer.credentials)
    kept = settings.replace(
        peer=peer.replace(**changes),
        inputs=settings.inputs.replace(
            shard=None, min_age=0.0,
            storage_options=tuple((name, _with_full_name(name, value)) for name, value in store_options),
        ),
        transfer=transfer.replace(
            parallel_associations=1, stop_at=None, max_duration=None,
            max_rate=_share(transfer.max_rate, limit), max_instances_rate=_share(transfer.max_instances_rate, limit),
        ),
        report=settings.report.replace(command_line=(), resend=None),
        dictionary_files=tuple(map(os.path.abspath, settings.dictionary_files)),
        file_lists=(), journal=None, verify=None, archive=None, commit=None, send_while_scanning=False,
    )  # fmt: skip
    parts = None
    if identity is not None:
        primary = None if "ticket" in files else identity.primary_field
        secondary = None if "password" in files else identity.secondary_field
        parts = (identity.identity_type, primary, secondary, identity.response_requested)
    return pickle.dumps((kept, tls_options, parts, files))


def unpack(data: bytes) -> Settings:
    """The settings, with all files read.  Raises UsageError for a file that this host cannot use."""
    settings, tls_options, parts, files = pickle.loads(data)
    changes: dict[str, Any] = {}
    if tls_options is not None:
        if "key" in files:
            tls_options = tls_options.replace(key_password=os.fsdecode(_first_line(files["key"])))
        changes["tls"] = load_tls(tls_options)
    if parts is not None:
        from dcmsend.protocol import UserIdentity

        kind, primary, secondary, wants_response = parts
        if primary is None:
            primary = _read(files["ticket"]).strip() if kind == _TOKEN else _read(files["ticket"])
        if secondary is None:
            secondary = _first_line(files["password"])
        changes["user_identity"] = UserIdentity(kind, primary, secondary, wants_response)
    if not changes:
        return settings  # type: ignore[no-any-return]
    return settings.replace(peer=settings.peer.replace(**changes))  # type: ignore[no-any-return]


_TOKEN: Final = 5
"""The identity type of a JSON Web Token."""


def check_secrets(settings: Settings, options: ClusterOptions) -> dict[str, str]:
    """The files in which workers find the secrets of ``settings``, by what is in them; none if all stay here.

    Raises UsageError if a secret would have to leave this machine.
    """
    if options.stays_here:
        return {}
    peer, tls = settings.peer, settings.peer.tls
    identity = peer.user_identity if isinstance(peer, Peer) else None
    wanted = {
        "password": (identity is not None and identity.secondary_field, options.password_file, "password"),
        "ticket": (identity is not None and identity.identity_type > 2, options.ticket_file, "ticket"),
        "key": (tls is not None and tls.key_password, options.key_password_file, "password of the private TLS key"),
    }
    files = {}
    for name, (is_there, path, what) in wanted.items():
        if is_there and path is None:
            raise UsageError(f"the {what} would be sent to the workers: name a file with it that all of them can read")
        if is_there and path is not None:
            if path.startswith(_OF_THIS_PROCESS):
                raise UsageError(f"the {what} in {path} can be read by this process only: name a file for the workers")
            files[name] = os.path.abspath(path)
    return files


def with_address(options: ClusterOptions, address: str, settings: Settings) -> ClusterOptions:
    """The options once the scheduler has told its own ``address``.

    A scheduler at an address of this machine may be on another one, at the end of a tunnel, or listen to others, too.
    Raises ClusterUnusable where a secret of ``settings`` would leave this machine then, or be sent without TLS.
    """
    if options.local_workers or is_on_loopback(address):
        return options
    try:
        options = options.replace(address=address)
        check_secrets(settings, options)
    except UsageError as error:
        raise ClusterUnusable(f"{address}: {error}", is_final=True) from error
    except ValueError as error:
        text = "the scheduler listens beyond this machine without TLS; start it with certificates, or for 127.0.0.1"
        raise ClusterUnusable(f"{address}: {text} only", is_final=True) from error
    return options


def _absolute(options: TlsOptions) -> TlsOptions:
    def full(path: str | None) -> str | None:
        return None if path is None else os.path.abspath(path)

    changed: TlsOptions = options.replace(
        key_file=full(options.key_file), certificate_file=full(options.certificate_file),
        ca_files=tuple(map(os.path.abspath, options.ca_files)),
        ca_directories=tuple(map(os.path.abspath, options.ca_directories)),
    )  # fmt: skip
    return changed


def _with_full_names(credentials: Credentials) -> Credentials:
    """Credentials of a web service whose file a worker finds, too, in whatever folder it was started."""
    from dcmsend.stow import BasicCredentials, BearerFile  # only where there are some

    changed: Credentials = credentials
    if isinstance(credentials, BasicCredentials):
        changed = credentials.replace(password_file=os.path.abspath(credentials.password_file))
    elif isinstance(credentials, BearerFile):
        changed = credentials.replace(path=os.path.abspath(credentials.path))
    return changed


def _with_full_name(name: str, value: str) -> str:
    """The value of a storage option, which a worker understands, too, in whatever folder it was started."""
    is_file = name in _FILE_OPTIONS and value not in ("", "none") and not value.startswith("~")
    return os.path.abspath(value) if is_file else value


def _share(rate: int | Timetable, limit: int) -> int | Timetable:
    """What one of ``limit`` batches may have of a rate, which may be less than one instance a second."""
    if not rate:
        return 0
    from dcmsend.transfer import PartOfRate  # seldom needed

    return PartOfRate(((0, rate),) if isinstance(rate, int) else rate.entries, limit)


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(_MOST)
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error


def _first_line(path: str) -> bytes:
    return _read(path).partition(b"\n")[0].removesuffix(b"\r")


# -- inputs


def tell_input(item: Source, folder: str, *, stays_here: bool) -> list[Any]:
    """An input by its name; names of files are made absolute with the working directory ``folder``.

    Raises ClusterUnusable for an input that another process cannot have.
    """
    if isinstance(item, InputFile):
        path = os.path.join(folder, item.path) if item.path else ""
        if path.startswith(_OF_THIS_PROCESS):
            raise ClusterUnusable(f"{item.path} {_NOT_SENT}it is open in this process only", is_final=True)
        return ["file", path, item.origin.name, os.path.join(folder, item.root) if item.root else "", item.is_directory]
    if not item.is_lasting:
        raise ClusterUnusable(f"{item.path} {_NOT_SENT}it lies in memory", is_final=True)
    from dcmsend.inputs import MissingObject, StoredObject

    if not isinstance(item, StoredObject):
        raise ClusterUnusable(f"{item.path} {_NOT_SENT}its kind is not known", is_final=True)
    place, entry = item.place, item.entry
    if place.query and not stays_here:
        raise ClusterUnusable(f"{item.path} {_NOT_SENT}its address holds a secret", is_final=True)
    error = tell_error(item.error) if isinstance(item, MissingObject) else None
    return ["object", [place.scheme, place.site, place.path, place.query], list(entry), item.root, error]


def input_from(told: list[Any], stores: Callable[[], Stores]) -> Source:
    """The input again, on a worker."""
    if told[0] == "file":
        _, path, origin, root, is_directory = told
        return InputFile(path, Origin[origin], root=root, is_directory=is_directory)
    from dcmsend.inputs import Entry, MissingObject, Place, StoredObject

    _, place, entry, root, error = told
    if error is not None:
        return MissingObject(stores(), Place(*place), error_from(error))
    return StoredObject(stores(), Place(*place), Entry(*entry), root)
