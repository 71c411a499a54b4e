"""What a bucket says of the patients whose data it holds, and which purposes ask them.

A bucket that declares subjects takes no object without one, and each read of what it holds asks whether the patient
allows it now. The declaration is the one switch: a bucket without it takes no subject, and costs nothing.
"""

import re
from enum import StrEnum
from typing import Final

import msgspec

from nexus.iam.model import Purpose
from nexus.kernel.errors import Invalid
from nexus.objects.errors import BAD_DECLARATION

MAX_CATEGORIES: Final = 16
MAX_WORD_CHARS: Final = 64

_WORD: Final = re.compile(r"[a-z0-9][a-z0-9._-]*")
_NEVER: Final = frozenset({Purpose.OPERATION, Purpose.SECURITY, Purpose.AUDIT, Purpose.COMPLIANCE})
"""Purposes that never read a patient's data."""


class OnWithdrawal(StrEnum):
    """What becomes of a patient's data in the bucket of a project, once he allows its use no more."""

    STOP = "stop"
    """They stay, and nobody reads them for secondary use."""
    ERASE = "erase"
    """They are erased, where no lock keeps them."""


class Declaration(msgspec.Struct, frozen=True, kw_only=True):
    """What the data of a bucket are, in the words of consent: what a patient's decisions are matched with."""

    categories: tuple[str, ...]
    """Categories of data, such as `imaging`; a decision that excludes one of them excludes the object."""
    source: str = ""
    """Where the data come from, such as `pacs`; empty if it is not said."""
    sensitivity: str = "normal"
    """How sensitive the data are."""
    on_withdrawal: OnWithdrawal = OnWithdrawal.STOP
    """Of a project's bucket: what a withdrawal does to what is there."""


def check(declared: Declaration) -> None:
    """Words of 1 to 64 lower-case letters, digits, dots, hyphens and underscores. Raises Invalid."""
    if not 1 <= len(declared.categories) <= MAX_CATEGORIES:
        raise Invalid(f"name 1 to {MAX_CATEGORIES} categories of data", code=BAD_DECLARATION)
    words = [*declared.categories, declared.sensitivity, *([declared.source] if declared.source else [])]
    for word in words:
        if len(word) > MAX_WORD_CHARS or not _WORD.fullmatch(word):
            raise Invalid(
                "a category, a source or a sensitivity is one word",
                code=BAD_DECLARATION,
                hint=f"1 to {MAX_WORD_CHARS} of a-z, 0-9, dots, hyphens and underscores",
            )


def encode(declared: Declaration) -> str:
    """For the row of the bucket."""
    return msgspec.json.encode(declared).decode()


_decoder = msgspec.json.Decoder(Declaration)


def decode(text: str | None) -> Declaration | None:
    """The inverse of `encode`; None for a bucket that declares nothing."""
    return None if text is None else _decoder.decode(text)


def is_care(purpose: str) -> bool:
    """Whether this is primary use."""
    return purpose == Purpose.CARE


def is_secondary(purpose: str) -> bool:
    """Whether this is secondary use. A purpose that nobody has thought of here is: it is refused in doubt."""
    return purpose != Purpose.CARE and purpose not in _NEVER
