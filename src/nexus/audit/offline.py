"""Checks that need nothing but files and public keys: what `nexus audit verify PATH` calls."""

from collections.abc import Callable
from pathlib import Path

from nexus.audit.model import Verification

Progress = Callable[[int, int], None]
"""(entries done, entries in all)"""


def verify_receipt(text: str, policy: str) -> object:
    """Verify a receipt against a trust policy (tlog-policy text); return what it proves. Raises Damaged or Invalid."""
    raise NotImplementedError


def verify_directory(path: Path, policy: str | None, progress: Progress | None = None) -> Verification:
    """Verify an exported log. Without a policy, the keys in the directory itself are used (integrity, not origin)."""
    raise NotImplementedError
