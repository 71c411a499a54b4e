"""Which logs and witnesses to trust, and how many of them: the C2SP tlog-policy form."""

from dataclasses import dataclass

from nexus.crypto.notes import VerifierKey


@dataclass(frozen=True, slots=True)
class LogIdentity:
    """A log: its origin, and its keys (Ed25519 and ML-DSA-44), all of which must sign each checkpoint."""

    origin: str
    keys: tuple[VerifierKey, ...]
