"""The image that all others are based on, where no public one can be pulled: the same release, made by debootstrap."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from fanwatch.settings import LocalSettings
from local import tools
from tests.images.engine import Engine, install

PYTHON_IMAGE = "python:3.11-slim-bookworm"
_RELEASE = "bookworm"
_MAKE_S = 600
_LOAD_S = 120
_PIP_KEYS = ("index-url", "extra-index-url", "trusted-host", "timeout", "proxy")
_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
_PIP = """#!/usr/bin/python3
import sys
from pip._internal.cli.main import main
sys.exit(main())
"""


def python_image(engine: Engine) -> str:
    """The base: what PYTHON_IMAGE names; with an engine of our own, a stand-in under the public image's name.

    It is kept in the cache folder, so that only the first run makes it (2 minutes).
    """
    given = os.environ.get("PYTHON_IMAGE")
    if given or not engine.own:
        return given or PYTHON_IMAGE
    kept = tools.cache_directory(LocalSettings()) / f"images-base-{_RELEASE}-2.tar"
    if not kept.exists():
        _make(kept)
    path = "PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
    changes = ["-c", f"ENV {path}", "-c", "ENV LANG=C.UTF-8", "-c", 'CMD ["python3"]']
    engine.docker("import", *changes, str(kept), PYTHON_IMAGE, timeout_s=_LOAD_S)
    return PYTHON_IMAGE


def build_image(engine: Engine, base: str, directory: Path) -> str:
    """The base with this machine's certificates and pip settings: for installing packages, never shipped."""
    directory.mkdir()
    lines = [f"FROM {base}"]
    if _CERTIFICATES.exists():
        shutil.copy(_CERTIFICATES, directory / "certificates.crt")
        lines.append(f"COPY certificates.crt {_CERTIFICATES}")
    (directory / "pip.conf").write_text(_pip_settings(), encoding="utf-8")
    lines.append("COPY pip.conf /etc/pip.conf")
    (directory / "Dockerfile").write_text("\n".join(lines) + "\n", encoding="utf-8")
    engine.docker("build", "--quiet", "--tag", "fanwatch-test/build", str(directory))
    return "fanwatch-test/build"


def _pip_settings() -> str:
    """This machine's settings of pip that hold inside a container, as a pip.conf."""
    said = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout
    found = {}
    for line in said.splitlines():
        name, _, value = line.partition("=")
        found[name.rpartition(".")[2]] = value.strip("'\"")
    return "\n".join(["[global]", *(f"{key} = {found[key]}" for key in _PIP_KEYS if key in found)]) + "\n"


def _make(kept: Path) -> None:
    """Debian's smallest with its Python, laid out like the public image: `python` and `pip` in /usr/local/bin."""
    install("debootstrap", have=("debootstrap",))
    if shutil.which("debootstrap") is None:
        pytest.skip(
            "There is no debootstrap to make a base image with; name one that can be pulled: PYTHON_IMAGE=…"
        )
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="fanwatch-base-") as name:
        root = Path(name) / "root"
        packages = "ca-certificates,python3"
        _run("debootstrap", "--variant=minbase", f"--include={packages}", _RELEASE, str(root))
        # Debian's own pip would refuse what the public image's does; this one is installed as it is there.
        (root / "usr/lib/python3.11/EXTERNALLY-MANAGED").unlink(missing_ok=True)
        target = root / "usr/local/lib/python3.11/dist-packages"
        pip = ["install", "--quiet", "--no-compile", "--root-user-action", "ignore", "--target", str(target)]
        _run(sys.executable, "-m", "pip", *pip, "pip", "setuptools", "wheel")
        (root / "usr/local/bin/python").symlink_to("/usr/bin/python3.11")
        (root / "usr/local/bin/pip").write_text(_PIP, encoding="utf-8")
        (root / "usr/local/bin/pip").chmod(0o755)
        _run("chroot", str(root), "apt-get", "clean")
        shutil.rmtree(root / "var/lib/apt/lists")
        (root / "var/lib/apt/lists").mkdir()
        made = kept.with_suffix(".part")
        _run("tar", "--create", "--file", str(made), "--directory", str(root), "--exclude", "./proc/*", ".")
        made.rename(kept)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=_MAKE_S, check=False)
    if done.returncode:
        pytest.skip(f"A base image cannot be made: {command[0]}: {(done.stdout + done.stderr)[-600:]}")
