"""Compiles modules of the package with mypyc for a wheel; a build hook of hatchling, off unless it is asked for.

    HATCH_BUILD_HOOK_ENABLE_CUSTOM=true pip install .

Which modules, and what it needs, stands in ``pyproject.toml``.  The sources are those of the pure wheel, and stay in
the wheel beside what was compiled of them.  An editable install is always pure: its sources change.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

__all__ = ["CompiledModules", "compile_modules"]

_LIBRARY = "dcmsend"
"""All modules lie in one shared library, ``dcmsend__mypyc``: they call each other without Python between them."""


class CompiledModules(BuildHookInterface[Any]):
    """Adds the compiled modules to a wheel, which is then for one version of Python on one kind of machine."""

    _folder = ""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        self._folder = tempfile.mkdtemp(prefix="dcmsend-compiled-")
        target = Path(self._folder)
        for built in compile_modules(Path(self.root, "src"), self.config["modules"], target):
            build_data["force_include"][str(built)] = str(built.relative_to(target))
        build_data["pure_python"] = False
        build_data["infer_tag"] = True

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        if self._folder:
            shutil.rmtree(self._folder)


def compile_modules(source: Path, modules: list[str], target: Path, optimization: str = "3") -> list[Path]:
    """Compile modules of a source tree, for the interpreter that runs this.

    Args:
        source: folder that holds the package.
        modules: their names, with dots.
        target: an empty folder; the extension modules lie below it as they have to lie beside the sources.
        optimization: the compiler's level, 0 to 3.

    Returns the extension modules.  Ends the program, with the reason, if mypyc does not take a module.
    """
    from mypyc.build import mypycify
    from setuptools import Distribution

    files = [f"{module.replace('.', '/')}.py" for module in modules]
    intermediate = target / "intermediate"
    options = ["--config-file=", "--ignore-missing-imports", f"--cache-dir={intermediate / 'types'}"]
    with _working_in(source):
        extensions = mypycify(
            [*options, *files],
            opt_level=optimization,
            debug_level="0",
            target_dir=str(intermediate / "c"),
            group_name=_LIBRARY,
        )
        for extension in extensions:
            if os.name != "nt":  # what the modules call of each other is not looked up at each start
                extension.extra_compile_args = [*extension.extra_compile_args, "-fvisibility=hidden"]
        command = Distribution({"name": "dcmsend", "ext_modules": extensions}).get_command_obj("build_ext")
        command.build_lib = str(target)
        command.build_temp = str(intermediate / "objects")
        command.ensure_finalized()
        command.run()
    shutil.rmtree(intermediate)
    return sorted(path for path in target.rglob("*") if path.is_file())


@contextmanager
def _working_in(folder: Path) -> Iterator[None]:
    """Within the block ``folder`` is the current one: mypyc names modules by their paths from there."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
