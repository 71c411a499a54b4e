"""SoftHSM: a token in software for tests and demonstrations, kept inside the data directory.

A hardware token is set up with its maker's tools and needs nothing from here. SoftHSM finds its tokens through a
configuration file; it is written anew at each start, so that a directory that was moved or restored still works.
"""

import os
import secrets
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from nexus.app.datadir import DataDirectory, write_durably
from nexus.kernel.errors import NotFound, Unavailable
from nexus.kernel.secret import Secret

MODULES: Final = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
)
TOOL: Final = "softhsm2-util"
TOOL_WAIT_S: Final = 30
PIN_CHARS: Final = 24


def available() -> bool:
    """Whether this machine has SoftHSM and its tool."""
    return shutil.which(TOOL) is not None and any(Path(module).exists() for module in MODULES)


def module_path(named: str) -> Path:
    """The PKCS#11 library to use: the one that the setting names, or SoftHSM. Raises NotFound."""
    candidates = (named,) if named else MODULES
    for candidate in candidates:
        if Path(candidate).exists():
            return Path(candidate)
    raise NotFound(
        f"there is no PKCS#11 library at {named}" if named else "SoftHSM is not installed",
        code="pkcs11.module",
        hint="install the Debian package softhsm2, or name your token's library with NEXUS_PKCS11_MODULE",
    )


def environment(directory: DataDirectory) -> Mapping[str, str]:
    """What the key service must find in its environment; nothing unless a SoftHSM token lies in this directory."""
    if not _tokens(directory).is_dir():
        return {}
    configuration = directory.run / "softhsm2.conf"
    text = f"directories.tokendir = {_tokens(directory)}\nobjectstore.backend = file\nlog.level = ERROR\n"
    write_durably(configuration, text.encode())
    return {"SOFTHSM2_CONF": str(configuration)}


def make_token(directory: DataDirectory, label: str) -> Secret:
    """Initialise a token in the directory; returns its user PIN, which nothing else knows.

    The tool wants a terminal for the PINs (on its command line they would stand in the process list): it gets one.
    """
    _tokens(directory).mkdir(mode=0o700)
    officer_pin, user_pin = secrets.token_hex(PIN_CHARS // 2), secrets.token_hex(PIN_CHARS // 2)
    typed = f"{officer_pin}\n{officer_pin}\n{user_pin}\n{user_pin}\n".encode()
    near, far = os.openpty()
    try:
        tool = subprocess.Popen(
            [TOOL, "--init-token", "--free", "--label", label],
            stdin=far,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**environment(directory), "PATH": os.defpath},
        )
        os.write(near, typed)
        output, _ = tool.communicate(timeout=TOOL_WAIT_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable("the token could not be initialised", code="pkcs11.tool") from error
    finally:
        os.close(near)
        os.close(far)
    if tool.returncode != 0:
        last = output.decode("utf-8", "replace").strip().splitlines()[-1:]
        raise Unavailable(f"the token could not be initialised: {' '.join(last)}", code="pkcs11.tool")
    return Secret(user_pin.encode())


def _tokens(directory: DataDirectory) -> Path:
    return directory.kms / "token"
