"""What a run needs of its receiver, by the kind of receiver: a way to send to it, and a way to ask it.

A web service is the business of ``stow``, which is loaded for it alone.
"""

from __future__ import annotations

from collections.abc import Callable

from dcmsend.association import DimseTarget, Peer
from dcmsend.index import Instance
from dcmsend.inputs import KeptFiles
from dcmsend.interrupt import Interrupt
from dcmsend.load import Abilities
from dcmsend.plan import Decompression
from dcmsend.settings import Settings
from dcmsend.transfer import TransferOptions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dcmsend.proof import Finder
    from dcmsend.stow import WebPeer
    from dcmsend.transfer import Target

__all__ = ["check_receiver", "make_finder", "make_target"]


def check_receiver(peer: Peer | WebPeer) -> None:
    """Raise UsageError if a package is missing without which nothing can be sent to ``peer``."""
    if not isinstance(peer, Peer):
        from .web_package import check_web_package

        check_web_package()


def make_target(
    settings: Settings, abilities: Abilities, was_moved: Callable[[Instance], bool] | None, kept: KeptFiles
) -> Target:
    """The way to send to the receiver of ``settings``."""
    peer = settings.peer
    if isinstance(peer, Peer):
        return DimseTarget(peer, settings.transfer, settings.plan, abilities, was_moved, kept)
    from dcmsend.stow import StowTarget

    decompress = settings.plan.decompression in (Decompression.LOSSLESS, Decompression.LOSSY)
    return StowTarget(peer, settings.transfer, abilities, was_moved, kept, decompress=decompress)


def make_finder(archive: Peer | WebPeer, options: TransferOptions, interrupt: Interrupt) -> Finder:
    """The way to ask ``archive`` which instances it has."""
    if isinstance(archive, Peer):
        from dcmsend.association import ImageFinder

        return ImageFinder(archive, options, interrupt)
    from dcmsend.stow import SeriesFinder

    return SeriesFinder(archive, options, interrupt)
