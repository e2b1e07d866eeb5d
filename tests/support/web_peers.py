"""Real DICOMweb services on 127.0.0.1: Orthanc with its plugin, and nginx in front of it.

Debian's Orthanc breaks down when it is asked over TLS, so nginx speaks that; it also asks for certificates and tokens,
and refuses what is too large or comes when it is busy.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from support.certificates import Certificates
from support.peers import OrthancPeer, orthanc
from support.processes import ServerProcess
from support.programs import ORTHANC_DICOMWEB, dcmtk_program

__all__ = ["PASSWORD", "USER", "NginxFront", "WebOrthanc", "basic_authorization", "nginx", "web_orthanc"]

USER, PASSWORD = "alice", "secret"
ROOT = "/dicom-web"


def basic_authorization(user: str = USER, password: str = PASSWORD) -> str:
    """The value of a header Authorization.  Source: RFC 7617."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class WebOrthanc(OrthancPeer):
    """A running Orthanc that also takes DICOMweb."""

    @property
    def url(self) -> str:
        """The base URL of its DICOMweb service."""
        return f"http://127.0.0.1:{self.http_port}{ROOT}"

    def forget_all(self) -> None:
        """Empty it."""
        for patient in self.get("/patients"):
            self.delete(f"/patients/{patient}")


@contextmanager
def web_orthanc(folder: Path, *, wants_password: bool = True, **settings: object) -> Iterator[WebOrthanc]:
    """Orthanc with its plugin, for ``USER`` with ``PASSWORD``; ``settings`` go into its configuration file."""
    with orthanc(
        folder,
        headers={"Authorization": basic_authorization()},
        **{
            "AuthenticationEnabled": wants_password,
            "RegisteredUsers": {USER: PASSWORD},
            "Plugins": [str(ORTHANC_DICOMWEB)],
            "KeepAlive": True,
            "HttpThreadsCount": 50,
            "StorageCompression": False,
            "OverwriteInstances": False,
            "DicomWeb": {
                "Enable": True,
                "Root": f"{ROOT}/",
                "EnableWado": True,
                "Host": "localhost",
                "Ssl": False,
                "PublicRoot": f"{ROOT}/",
            },
            **settings,
        },
    ) as peer:
        yield WebOrthanc(peer.port, peer.http_port, peer.server, peer.headers)


@dataclass
class NginxFront:
    """nginx before a plain web server, whose user and password it adds.

    Its places are ``/`` for everybody, ``/mtls`` for clients with a certificate of our authority (403 without one, 400
    with a foreign one), ``/bearer`` for those with a token (else 401), and ``/busy``, which answers 503 to everybody.

    Attributes:
        port: where it speaks TLS.
    """

    port: int
    server: ServerProcess
    folder: Path

    def url(self, place: str = "") -> str:
        """The base URL of the DICOMweb service through one of its places, e.g. ``/mtls``."""
        return f"https://localhost:{self.port}{place}{ROOT}"

    @property
    def requests(self) -> list[str]:
        """Method, target and status of each request that has been answered, e.g. ``POST /dicom-web/studies 200``."""
        return (self.folder / "access.log").read_text().splitlines()


@contextmanager
def nginx(
    folder: Path,
    certificates: Certificates,
    backend_port: int,
    *,
    tokens: Sequence[str] = ("good-token",),
    largest_body: str = "30m",
    retry_after: str = "2",
) -> Iterator[NginxFront]:
    """nginx before the web server at ``backend_port``; bodies above ``largest_body`` are refused (413)."""
    program = dcmtk_program("nginx")
    assert program is not None, "nginx is not installed; the test lacks its peer marker"
    place = folder / "nginx"
    place.mkdir(parents=True)
    configuration = place / "nginx.conf"

    def command(port: int) -> list[str]:
        text = _configuration(place, certificates, port, backend_port, tokens, largest_body, retry_after)
        configuration.write_text(text)
        return [program, "-p", str(place), "-e", str(place / "error.log"), "-c", str(configuration)]

    with ServerProcess(command, place / "output.log") as server:
        yield NginxFront(server.port, server, place)


def _configuration(
    folder: Path,
    certificates: Certificates,
    port: int,
    backend_port: int,
    tokens: Sequence[str],
    largest_body: str,
    retry_after: str,
) -> str:
    """One process (``master_process off``), so that stopping it leaves nothing behind."""
    backend = (
        f"proxy_pass http://127.0.0.1:{backend_port}/; proxy_request_buffering off; proxy_http_version 1.1;"
        f' proxy_set_header Authorization "{basic_authorization()}"; proxy_set_header Host $http_host;'
    )
    temporary = "".join(
        f"  {name}_temp_path {folder / name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    allowed = "".join(f' "Bearer {token}" 1;' for token in tokens)
    return f"""\
daemon off; master_process off; pid {folder / "pid"}; error_log {folder / "error.log"};
events {{ }}
http {{
{temporary}\
  log_format short "$request_method $request_uri $status";
  access_log {folder / "access.log"} short;
  map $http_authorization $allowed {{ default 0;{allowed} }}
  server {{
    listen 127.0.0.1:{port} ssl; server_name localhost;
    ssl_certificate {certificates.server}; ssl_certificate_key {certificates.server_key};
    ssl_client_certificate {certificates.ca}; ssl_verify_client optional;
    client_max_body_size {largest_body};
    location / {{ {backend} }}
    location /mtls/ {{ if ($ssl_client_verify != SUCCESS) {{ return 403; }} {backend} }}
    location /bearer/ {{
      if ($allowed = 0) {{ return 401; }} {backend}
    }}
    location /busy/ {{ add_header Retry-After {retry_after} always; return 503; }}
  }}
}}
"""
