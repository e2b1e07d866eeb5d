"""Carries out the plan over associations; every instance ends in exactly one outcome."""

from .options import AddressFamily, Peer, TransferOptions

__all__ = ["AddressFamily", "Peer", "TransferOptions"]
