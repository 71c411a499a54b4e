"""A real SoftHSM token in a temporary directory, one for each test process, and the reason where there is none."""

import os
import secrets
import subprocess
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import pytest

from nexus.kernel.secret import Secret

_MODULES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so")
MODULE = next((Path(path) for path in _MODULES if Path(path).is_file()), None)
needs_softhsm = pytest.mark.skipif(MODULE is None, reason="SoftHSM is not installed (Debian package softhsm2)")
LABEL = "nexus-test"
CONFIGURATION = "SOFTHSM2_CONF"


def create_token(directory: Path, label: str = LABEL) -> Secret:
    """A fresh token under `directory`; returns its PIN. `environment(directory)` lets a process find it."""
    (directory / "tokens").mkdir(mode=0o700, parents=True)
    text = f"directories.tokendir = {directory / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n"
    (directory / "softhsm2.conf").write_text(text)
    pin = secrets.token_hex(8)
    command = ["softhsm2-util", "--init-token", "--free", "--label", label, "--so-pin", secrets.token_hex(8)]
    subprocess.run(
        [*command, "--pin", pin], env={**os.environ, **environment(directory)}, check=True, capture_output=True
    )
    return Secret(pin.encode())


def environment(directory: Path) -> dict[str, str]:
    return {CONFIGURATION: str(directory / "softhsm2.conf")}


@cache
def softhsm_token() -> Secret:
    """The PIN of a token that this process may use. SoftHSM reads its configuration once in the life of a process."""
    directory = Path(mkdtemp(prefix="nexus-softhsm-"))
    pin = create_token(directory)
    os.environ.update(environment(directory))
    return pin


def token_directory() -> Path:
    """Where the token of this process keeps its objects."""
    softhsm_token()
    return Path(os.environ[CONFIGURATION]).parent / "tokens"
