"""A real SoftHSM token in a temporary directory, one for each test process, and the reason where there is none."""

import os
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import pytest

from nexus.kernel.secret import Secret
from nexus.kms.providers import softhsm

MODULE = softhsm.find_module()
needs_softhsm = pytest.mark.skipif(MODULE is None, reason="SoftHSM is not installed (Debian package softhsm2)")
LABEL = "nexus-test"


@cache
def softhsm_token() -> Secret:
    """The PIN of a token that this process may use. SoftHSM reads its configuration once in the life of a process."""
    configuration = softhsm.configure(Path(mkdtemp(prefix="nexus-softhsm-")))
    os.environ[softhsm.CONFIGURATION_VARIABLE] = str(configuration)
    return softhsm.create_token(configuration, LABEL)


def token_directory() -> Path:
    """Where the token of this process keeps its objects."""
    softhsm_token()
    return Path(os.environ[softhsm.CONFIGURATION_VARIABLE]).parent / "tokens"
