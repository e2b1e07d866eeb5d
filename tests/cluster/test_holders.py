"""What gets a batch of its own."""

from __future__ import annotations

from typing import cast

import pytest

from dcmsend import IndexOptions, InputOptions, Peer
from dcmsend.cluster.holders import Holders
from dcmsend.inputs import Entry, StoredObject, Stores
from dcmsend.inputs.stores.names import place_of
from dcmsend.settings import Settings
from dcmsend.transfer import Ledger


@pytest.mark.parametrize("name", ["a.tar.gz", "DICOMDIR"])
def test_a_signed_address_goes_by_its_name(name: str) -> None:
    settings = Settings(
        Peer("h", 104), inputs=InputOptions(archives=True), index=IndexOptions(expand_dicomdir=True)
    )
    holders = Holders(settings, cast(Ledger, None), "/")
    for query in ("", "?sig=SECRET"):
        place = place_of(f"https://h/{name}{query}")
        assert holders.hold(StoredObject(cast(Stores, None), place, Entry(place.path)))
