"""Decisions of the bastion: no clock, no randomness, no input or output."""

import ipaddress
from dataclasses import dataclass

from nexus.bastion.certificates import PERMIT_PTY, SOURCE_ADDRESS, USER, Certificate, source_address
from nexus.bastion.model import CERTIFICATE_BACKDATE_S, CERTIFICATE_VALID, MAX_COLUMNS, MAX_ROWS, Holder
from nexus.kernel.clock import SECOND
from nexus.kernel.errors import Denied, Invalid
from nexus.kernel.ids import is_id

LONGEST_S = CERTIFICATE_VALID // SECOND + CERTIFICATE_BACKDATE_S
"""Seconds between the two times of a certificate of ours."""
COPIERS = frozenset({"scp", "rsync", "sftp-server", "internal-sftp"})
"""Programs that copy files over SSH. A shell can copy too, but what it copies goes over the recorded terminal."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What a certificate claims: a person in a sign-in, and the number that is used once."""

    holder: Holder
    serial: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """A connection that offers a certificate. `now`: seconds since 1970."""

    user: str
    address: str
    now: int


def key_id(person: str, sign_in: str) -> str:
    """What stands in a certificate's key id."""
    return f"nexus:{person}:{sign_in}"


def judge(certificate: Certificate, attempt: Attempt, authorities: frozenset[bytes]) -> Claim:
    """What the certificate proves to this door now. Raises Denied that says which rule it breaks (for the log).

    1. Our authority signed it (that the signature verifies was checked when it was opened).
    2. It names a user.
    3. It is in force now, and its life is not longer than ours are.
    4. Its principal is exactly the user name given, and it has no other.
    5. It is bound to one address, and the connection comes from there.
    6. It grants what ours grant: a terminal, and nothing else.
    7. Its key id names a person and a sign-in.
    """
    if certificate.authority not in authorities:
        raise _refused("authority")
    if certificate.kind != USER:
        raise _refused("kind")
    if not certificate.valid_after <= attempt.now < certificate.valid_before:
        raise _refused("expired")
    if certificate.valid_before - certificate.valid_after > LONGEST_S:
        raise _refused("too-long")
    if certificate.principals != (attempt.user,):
        raise _refused("principal")
    if certificate.options != ((SOURCE_ADDRESS, source_address(plain_address(attempt.address))),):
        raise _refused("address")
    if certificate.extensions != ((PERMIT_PTY, b""),):
        raise _refused("extensions")
    domain, _, rest = certificate.key_id.partition(":")
    person, _, sign_in = rest.partition(":")
    if domain != "nexus" or not is_id(person, "per") or not is_id(sign_in, "ses"):
        raise _refused("key-id")
    return Claim(Holder(person, attempt.user, sign_in), certificate.serial)


def plain_address(address: str) -> str:
    """One spelling for each address; an IPv4 address inside IPv6 is an IPv4 address. Raises Invalid on a name."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        raise Invalid(
            "the request comes from no network address that a certificate could be bound to", code="bastion.origin"
        ) from None
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return str(mapped or parsed)


def copies_files(command: str) -> bool:
    """Whether a command is the far side of a file copy."""
    words = command.split(maxsplit=1)
    return bool(words) and words[0].rpartition("/")[2] in COPIERS


def terminal_size(columns: int, rows: int) -> tuple[int, int]:
    """What a client says of its window, within limits; no window is 80 by 24."""
    return min(columns, MAX_COLUMNS) or 80, min(rows, MAX_ROWS) or 24


def _refused(reason: str) -> Denied:
    return Denied("the certificate is not valid here", code=f"bastion.certificate-{reason}")
