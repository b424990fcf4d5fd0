"""The build of the wheel: the node's binary first, then maturin.

``WINDLASS_PROFILE`` chooses Cargo's profile for both (default: release). The binary goes beside the package, from where
the wheel takes it; version control does not know it.
"""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import subprocess
import sys
from typing import Any

import maturin
from maturin import get_requires_for_build_sdist, get_requires_for_build_wheel  # noqa: F401 - the hooks of a backend

HERE = pathlib.Path(__file__).resolve().parent.parent


def _profile() -> str:
    return os.environ.get("WINDLASS_PROFILE", "release")


def build_node() -> pathlib.Path:
    """Builds ``windlass`` and puts it beside the package."""
    command = ["cargo", "build", "--package", "windlass-cli", "--bin", "windlass", "--profile", _profile()]
    command += ["--message-format", "json-render-diagnostics"]
    print(f"running: {' '.join(command)}", file=sys.stderr)
    ran = subprocess.run(command, cwd=HERE, check=True, stdout=subprocess.PIPE, text=True)
    built = None
    for line in ran.stdout.splitlines():
        message = json.loads(line)
        if message.get("reason") == "compiler-artifact" and message["target"]["name"] == "windlass":
            built = message.get("executable") or built
    if built is None:
        raise RuntimeError("cargo built no binary called windlass")
    place = HERE / "windlass" / "bin" / "windlass"
    place.parent.mkdir(exist_ok=True)
    fresh = place.with_suffix(".new")
    shutil.copy2(built, fresh)
    if _profile() == "release" and (strip := shutil.which("strip")):
        # Line tables are for backtraces of a checkout; a wheel is half as large without.
        subprocess.run([strip, "--strip-debug", str(fresh)], check=True)
    # At once: a node that runs keeps the file it was started from.
    os.replace(fresh, place)
    return place


def _with_profile() -> None:
    args = os.environ.get("MATURIN_PEP517_ARGS", "")
    if "--profile" not in args:
        os.environ["MATURIN_PEP517_ARGS"] = f"{args} --profile {_profile()}".strip()


def build_wheel(wheel_directory: str, config_settings: Any = None, metadata_directory: Any = None) -> str:
    place = build_node()
    _with_profile()
    try:
        return maturin.build_wheel(wheel_directory, config_settings, metadata_directory)
    finally:
        # Only an editable install needs it in the checkout.
        shutil.rmtree(place.parent)


def build_editable(wheel_directory: str, config_settings: Any = None, metadata_directory: Any = None) -> str:
    build_node()
    _with_profile()
    return maturin.build_editable(wheel_directory, config_settings, metadata_directory)


def build_sdist(sdist_directory: str, config_settings: Any = None) -> str:
    raise NotImplementedError("the package is built from a checkout, whose crates it needs: pip install ./python")


get_requires_for_build_editable = get_requires_for_build_wheel
prepare_metadata_for_build_wheel = maturin.prepare_metadata_for_build_wheel
