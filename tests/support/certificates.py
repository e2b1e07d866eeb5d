"""Certificates of an authority that exists for one test run, as PEM files."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import trustme

__all__ = ["KEY_PASSWORD", "Certificates"]

KEY_PASSWORD = "open sesame"


class Certificates:
    """The files; all keys are RSA, which every peer can do.

    Attributes:
        ca: certificate of the authority that has issued all others.
        other_ca: of an authority that has issued nothing.
        server_key, server: for ``localhost``, ``pacs.example`` and 127.0.0.1.
        client_key, client: of a client; ``encrypted_key`` is the same key, encrypted with ``KEY_PASSWORD``.
    """

    def __init__(self, folder: Path) -> None:
        import trustme  # here: who has a peer that could have certificates, but none, does not wait for it
        from cryptography.hazmat.primitives import serialization

        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._authority = trustme.CA(key_type=trustme.KeyType.RSA)
        other = trustme.CA(key_type=trustme.KeyType.RSA)
        self.ca = self._write("ca.pem", self._authority.cert_pem.bytes())
        self.other_ca = self._write("other-ca.pem", other.cert_pem.bytes())
        self.server_key, self.server = self.issue("server", "localhost", "pacs.example", "127.0.0.1")
        self.client_key, self.client = self.issue("client", "client.example")
        self.other_client_key, self.other_client = self._pair(
            "other-client", other.issue_cert("other.example", key_type=trustme.KeyType.RSA)
        )
        key = serialization.load_pem_private_key(self.client_key.read_bytes(), None)
        encryption = serialization.BestAvailableEncryption(KEY_PASSWORD.encode())
        self.encrypted_key = self._write(
            "encrypted.key",
            key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption),
        )

    def issue(self, file_name: str, *names: str, days: int = 30) -> tuple[Path, Path]:
        """Key and certificate for ``names``; a negative number of days makes one that has expired."""
        import trustme

        today = datetime.datetime.now(datetime.UTC)
        leaf = self._authority.issue_cert(
            *names,
            key_type=trustme.KeyType.RSA,
            not_before=today - datetime.timedelta(days=60),
            not_after=today + datetime.timedelta(days=days),
        )
        return self._pair(file_name, leaf)

    def _pair(self, file_name: str, leaf: trustme.LeafCert) -> tuple[Path, Path]:
        key = self._write(f"{file_name}.key", leaf.private_key_pem.bytes())
        return key, self._write(f"{file_name}.pem", b"".join(blob.bytes() for blob in leaf.cert_chain_pems))

    def _write(self, name: str, content: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content)
        return path
