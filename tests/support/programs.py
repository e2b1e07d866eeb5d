"""Finds the programs that tests run: our own command, DCMTK's tools, other peers."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

__all__ = ["ORTHANC_DICOMWEB", "dcmtk_program", "installed_dcmsend", "missing_peer"]

ORTHANC_DICOMWEB = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
"""Orthanc's plugin for DICOMweb, where Debian's package puts it."""

# What each ``peer`` marker needs: (programs on the search path, modules).
_NEEDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "dcmtk": (("storescp", "dcmrecv", "dcmqrscp", "dcmdump"), ()),
    "dcmtk-dcmsend": (("dcmsend",), ()),
    "nginx": (("nginx",), ()),
    "sshd": (("sshd", "ssh-keygen"), ("asyncssh",)),
    "orthanc": (("Orthanc",), ()),
    "asyncssh": ((), ("asyncssh",)),
    "azurite": (("azurite-blob",), ("azure.storage.blob",)),
    "gcp-storage-emulator": ((), ("gcp_storage_emulator", "gcsfs")),
    "obstore": ((), ("moto.server", "obstore")),
    "moto": ((), ("moto.server", "s3fs")),
    "orthanc-dicomweb": (("Orthanc",), ()),
    "pandas": ((), ("pandas",)),
    "pynetdicom": ((), ("pynetdicom",)),
    "gdcm": (("gdcmconv",), ()),
    "libjxl": (("djxl",), ()),
    "openjpeg": (("opj_compress", "opj_decompress"), ()),
    "chromium": (("chromium",), ()),
    "faketime": (("faketime",), ()),
    "fish": (("fish",), ()),
    "git": (("git",), ()),
    "groff": (("groff",), ()),
    "parallel": (("parallel",), ()),
    "slurm": (("slurmctld", "slurmd", "sbatch"), ()),
    "strace": (("strace",), ()),
    "zsh": (("zsh",), ()),
}


def installed_dcmsend() -> str:
    """The ``dcmsend`` command of this Python environment; tests that want the real thing run this one."""
    command = Path(sys.executable).with_name("dcmsend")
    assert command.exists(), f"{command} is missing: install the package first (pip install -e .)"
    return str(command)


def dcmtk_program(name: str) -> str | None:
    """A program of DCMTK (or Orthanc) on the search path; never one of pynetdicom, which has them by the same names."""
    own = Path(sys.executable).parent
    folders = [*os.environ.get("PATH", "").split(os.pathsep), "/usr/bin", "/usr/sbin", "/usr/local/bin"]
    for folder in folders:
        if folder and Path(folder) != own:
            found = shutil.which(name, path=folder)
            if found is not None and not _is_python(found):
                return found
    return None


def _is_python(program: str) -> bool:
    """Whether a program is a script in Python; a browser may be one for the shell."""
    with open(program, "rb") as file:
        first = file.read(200).partition(b"\n")[0]
    return first.startswith(b"#!") and b"python" in first


def missing_peer(name: str) -> str:
    """Why a peer cannot be had on this machine; empty when it can."""
    programs, modules = _NEEDS[name]
    for program in programs:
        if dcmtk_program(program) is None:
            return f"program {program} is not installed"
    if name == "orthanc-dicomweb" and not ORTHANC_DICOMWEB.exists():
        return f"{ORTHANC_DICOMWEB} is not installed"
    for module in modules:
        try:
            __import__(module)
        except ImportError:
            return f"Python package {module} is not installed"
    return ""
