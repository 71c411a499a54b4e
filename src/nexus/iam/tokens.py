"""Random credentials: how they look, and what is kept of them."""

import secrets
from hashlib import sha256

from nexus.kernel.secret import Secret

TOKEN_BYTES = 32
"""256 bits of randomness in every token: a plain hash of one cannot be searched."""
SESSION_PREFIX = "nxs_"
SERVICE_PREFIX = "nxt_"
DEVICE_PREFIX = "nxd_"
CLIENT_SECRET_PREFIX = "nxo_"  # noqa: S105 - how it begins
CODE_PREFIX = "nxc_"
ACCESS_PREFIX = "nxa_"
REFRESH_PREFIX = "nxr_"
WAITING_PREFIX = "nxv_"
PROOF_PREFIX = "nxp_"
PUSHED_PREFIX = "nxq_"
CODE_GROUPS = 4
CODE_GROUP = 5
"""An enrolment code is four groups of five characters: 100 bits, to be read from paper."""
_CODE_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_KEY_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
ACCESS_KEY_PREFIX = "NX"
TEMPORARY_KEY_PREFIX = "NT"
SECURITY_TOKEN_PREFIX = "nxk_"  # noqa: S105 - how it begins
ACCESS_KEY_LENGTH = 20


def new_token(prefix: str) -> Secret:
    """A bearer token; the prefix says its kind, to people and to scanners of leaked secrets."""
    return Secret((prefix + secrets.token_urlsafe(TOKEN_BYTES)).encode())


def new_code() -> Secret:
    """An enrolment code such as `K7M2P-…`, without characters that look alike."""
    groups = ("".join(secrets.choice(_CODE_ALPHABET) for _ in range(CODE_GROUP)) for _ in range(CODE_GROUPS))
    return Secret("-".join(groups).encode())


def new_access_key_id(prefix: str = ACCESS_KEY_PREFIX) -> str:
    """Twenty capitals and digits, as S3 clients expect."""
    return prefix + "".join(secrets.choice(_KEY_ALPHABET) for _ in range(ACCESS_KEY_LENGTH - len(prefix)))


def new_access_key_secret() -> Secret:
    """Forty-three characters, 256 bits."""
    return Secret(secrets.token_urlsafe(TOKEN_BYTES).encode())


def fingerprint(token: Secret | str) -> bytes:
    """What is stored of a token: its SHA-256."""
    raw = token.encode() if isinstance(token, str) else token.reveal()
    return sha256(raw).digest()


def code_fingerprint(code: Secret) -> bytes:
    """The same for a code typed by hand: case, spaces and dashes do not matter."""
    typed = code.reveal().decode("utf-8", "replace").upper()
    return sha256("".join(typed.replace("-", "").split()).encode()).digest()
