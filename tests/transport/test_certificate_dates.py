"""When a certificate is valid."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from dcmsend.transport.certificate_dates import reason_not_valid
from support.certificates import Certificates


def test_valid_in_its_time_only(certificates: Certificates) -> None:
    path = certificates.client
    known = x509.load_pem_x509_certificate(path.read_bytes())
    begin, end = known.not_valid_before_utc.timestamp(), known.not_valid_after_utc.timestamp()
    for moment in (begin, time.time(), end):
        assert reason_not_valid(str(path), moment) == ""
    day = known.not_valid_after_utc.date().isoformat()
    assert reason_not_valid(str(path), end + 1) == f"it has expired on {day}"
    assert reason_not_valid(str(path), begin - 1).startswith("it is not valid before ")


@pytest.mark.parametrize("content", [b"", b"text", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_nothing_is_said_of_what_is_no_certificate(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    assert reason_not_valid(str(tmp_path / "file")) == ""


@given(cut=st.integers(0, 2000), value=st.integers(0, 255))
def test_noise_does_no_harm(certificates: Certificates, session_path: Path, cut: int, value: int) -> None:
    import ssl

    content = bytearray(ssl.PEM_cert_to_DER_cert(certificates.ca.read_text()))
    content[cut % len(content)] = value
    path = session_path / "noise.pem"
    path.write_text(ssl.DER_cert_to_PEM_cert(bytes(content)))
    assert isinstance(reason_not_valid(str(path)), str)
