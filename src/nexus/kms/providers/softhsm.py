"""SoftHSM, a token in software: found on this machine, and given a token of its own for one platform.

It proves the protocol, not the tamper resistance; `status` and `doctor` report it as emulated.
"""

import os
import secrets
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from shutil import which
from typing import Final

from nexus.kernel.errors import Conflict, Unavailable
from nexus.kernel.secret import Secret

CONFIGURATION_VARIABLE: Final = "SOFTHSM2_CONF"
"""SoftHSM reads the place of its tokens from the file that this environment variable names."""
MODULES: Final = (
    Path("/usr/lib/softhsm/libsofthsm2.so"),
    Path("/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so"),
    Path("/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so"),
    Path("/usr/lib64/pkcs11/libsofthsm2.so"),
    Path("/usr/local/lib/softhsm/libsofthsm2.so"),
    Path("/opt/homebrew/lib/softhsm/libsofthsm2.so"),
)
TOOL: Final = "softhsm2-util"
PIN_BYTES: Final = 16
_TIMEOUT_S: Final = 30


def find_module() -> Path | None:
    """The library of SoftHSM, if it is installed here (Debian package softhsm2)."""
    return next((path for path in MODULES if path.is_file()), None)


def configure(directory: Path) -> Path:
    """Write a configuration whose tokens lie in `directory`; returns the file for SOFTHSM2_CONF."""
    tokens = directory / "tokens"
    tokens.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = directory / "softhsm2.conf"
    file.write_text(f"directories.tokendir = {tokens}\nobjectstore.backend = file\nlog.level = ERROR\n", "utf-8")
    return file


def environment(configuration: Path, base: Mapping[str, str] | None = None) -> dict[str, str]:
    """An environment in which the library finds the tokens of this configuration."""
    return {**(os.environ if base is None else base), CONFIGURATION_VARIABLE: str(configuration)}


def create_token(configuration: Path, label: str) -> Secret:
    """Initialise a token; returns its user PIN, which nobody else has seen. Nobody keeps the officer's PIN.

    The tool takes PINs on its command line, where other processes could read them: it is given throwaway ones, and
    the real user PIN is set over PKCS#11 in a process of its own before anything is stored.
    """
    if which(TOOL) is None:
        raise Unavailable(f"{TOOL} is not installed", code="kms.no-softhsm", hint="Debian package softhsm2")
    throwaway = secrets.token_hex(PIN_BYTES)
    command = [TOOL, "--init-token", "--free", "--label", label, "--so-pin", secrets.token_hex(PIN_BYTES)]
    done = subprocess.run(
        [*command, "--pin", throwaway],
        env=environment(configuration),
        capture_output=True,
        timeout=_TIMEOUT_S,
        check=False,
    )
    if done.returncode:
        raise Conflict("softhsm2-util did not initialise the token", code="kms.token-init")
    pin = Secret(secrets.token_hex(PIN_BYTES).encode())
    _change_pin(configuration, label, throwaway, pin)
    return pin


_CHANGE_PIN: Final = """
import sys
import pkcs11
module, label, old, new = sys.stdin.read().split("\\n")
with pkcs11.lib(module).get_token(token_label=label).open(rw=True, user_pin=old) as session:
    session.set_pin(old, new)
"""


def _change_pin(configuration: Path, label: str, old: str, new: Secret) -> None:
    """In another process: the library would stay loaded here, and it must be used by the key service alone."""
    module = find_module()
    if module is None:
        raise Unavailable("the library of SoftHSM is not installed", code="kms.no-softhsm")
    done = subprocess.run(
        [sys.executable, "-c", _CHANGE_PIN],
        input="\n".join([str(module), label, old, new.reveal().decode()]).encode(),
        env=environment(configuration),
        capture_output=True,
        timeout=_TIMEOUT_S,
        check=False,
    )
    if done.returncode:
        raise Conflict("the token did not take its PIN", code="kms.token-init")
