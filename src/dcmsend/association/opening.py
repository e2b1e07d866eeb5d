"""Opens an association: connection, TLS, negotiation; ends one whose answers are known."""

from __future__ import annotations

from collections.abc import Sequence

from dcmsend.errors import (
    Cancelled,
    ConnectFailed,
    DcmsendError,
    NegotiationFailed,
    RemoteProtocolError,
    UserIdentityNotConfirmed,
)
from dcmsend.interrupt import Interrupt
from dcmsend.loggers import get_logger
from dcmsend.protocol import (
    IMPLEMENTATION_CLASS_UID,
    IMPLEMENTATION_VERSION_NAME,
    AssociateRQ,
    AsynchronousOperationsWindow,
    PresentationContext,
    UserInformation,
)
from dcmsend.transfer import TransferOptions
from dcmsend.transport import TcpOptions, connect

from .association import Association
from .negotiation_log import log_accepted, log_rejected
from .peer import Peer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dcmsend.transport import Connection

__all__ = ["end_association", "open_association"]

_log = get_logger("dcmsend.network")


def open_association(
    peer: Peer, contexts: Sequence[PresentationContext], options: TransferOptions, interrupt: Interrupt
) -> Association:
    """Connect, negotiate, and log the answer.  Raises NegotiationFailed, Cancelled."""
    try:
        association = _negotiated(peer, contexts, options, interrupt)
    except Cancelled:
        raise
    except DcmsendError as error:
        log_rejected(error)
        raise NegotiationFailed(error) from error
    log_accepted(association, peer, contexts, options)
    return association


def end_association(association: Association) -> None:
    """Release an association over which nothing more is awaited; how it ends does not matter any more."""
    try:
        association.release()
    except DcmsendError:
        association.close()


def _negotiated(
    peer: Peer, contexts: Sequence[PresentationContext], options: TransferOptions, interrupt: Interrupt
) -> Association:
    """Connect and negotiate.  Raises ConnectFailed and what ``Association.negotiate`` raises."""
    connection = _connect(peer, options, interrupt)
    association = Association(connection, options, interrupt)
    try:
        # DCMTK rejects an empty title only after it has connected, and a script may count connections.
        for title, name in ((peer.calling_ae_title, "Calling"), (peer.called_ae_title, "Called")):
            if not title:
                from dcmsend.reasons import NoConnection  # only after failures

                _log.error("Illegal service parameter: %s AP Title", name)
                text = f"Illegal service parameter: {name} AP Title"
                raise ConnectFailed(text, "an AE title cannot be empty", why=NoConnection.EMPTY_AE_TITLE)
        _log.info("Requesting Association")
        association.negotiate(_request(peer, contexts, options))
    except (RemoteProtocolError, UserIdentityNotConfirmed):
        association.abort()  # PS3.8 Table 9-10, AA-8
        raise
    except BaseException:
        association.close()
        raise
    return association


def _connect(peer: Peer, options: TransferOptions, interrupt: Interrupt) -> Connection:
    def open_connection() -> Connection:
        return connect(
            peer.host,
            peer.port,
            interrupt,
            family=peer.address_family,
            timeout=options.connect_timeout,
            options=TcpOptions(no_delay=options.tcp_no_delay, buffer_length=options.tcp_buffer_length),
        )

    if peer.tls is None:
        return open_connection()
    return peer.tls.connect(open_connection, peer.host, options.connect_timeout or options.acse_timeout)


def _request(peer: Peer, contexts: Sequence[PresentationContext], options: TransferOptions) -> AssociateRQ:
    window = AsynchronousOperationsWindow(options.async_window, 1) if options.async_window > 1 else None
    return AssociateRQ(
        called_ae_title=peer.called_ae_title,
        calling_ae_title=peer.calling_ae_title,
        presentation_contexts=tuple(contexts),
        user_information=UserInformation(
            max_length=options.max_pdu & ~1,
            implementation_class_uid=IMPLEMENTATION_CLASS_UID,
            implementation_version_name=IMPLEMENTATION_VERSION_NAME,
            asynchronous_operations_window=window,
            user_identity=peer.user_identity,
        ),
    )
