"""Retention and legal hold: what may not be removed yet, and who may change that. Values and pure rules.

A version is *retained* until a moment, in one of two modes, and besides *held* or not, for as long as it takes. While it
is either, nothing removes it: no delete, no overwriting, no life cycle rule. A delete marker may hide it; it stays.

- `governance`: may be prolonged by whoever may lock; ended early only by a caller who *bypasses* it.
- `compliance`: may be prolonged; ended early by nobody.
- a hold has no date. Whoever may lock lays it; only a caller who bypasses lifts it.

To bypass is nobody's right alone: docs/decisions/0009-locks-nobody-lifts-alone.md.
"""

import re
from enum import StrEnum
from typing import Final

import msgspec

from nexus.kernel.clock import DAY, Instant
from nexus.kernel.errors import Denied, Invalid
from nexus.objects.errors import BAD_RETENTION, LOCKED

MAX_DAYS: Final = 36_500
"""Days of a retention: a hundred years, as in S3."""
MAX_YEARS: Final = 100
MAX_UNTIL_DAYS: Final = 54_750
"""Days until which one version may be retained when its date is given: 150 years, for what outlives a person."""
DAYS_OF_A_YEAR: Final = 365
_DEFAULT: Final = re.compile(r"(governance|compliance) ([0-9]{1,5}) (days|years)")


class Mode(StrEnum):
    """How strict a retention is."""

    GOVERNANCE = "governance"
    COMPLIANCE = "compliance"


class Lock(msgspec.Struct, frozen=True, kw_only=True):
    """The retention and the hold of one version. `mode` None: it is held only, or was."""

    mode: Mode | None = None
    until: Instant = Instant(0)
    held: bool = False

    def retains(self, now: Instant) -> bool:
        """Whether the retention still counts."""
        return self.mode is not None and now < self.until


class DefaultRetention(msgspec.Struct, frozen=True, kw_only=True):
    """The retention of versions that name none. `unit`: `days` or `years` (of 365 days)."""

    mode: Mode
    number: int
    unit: str

    def __str__(self) -> str:
        return f"{self.mode} {self.number} {self.unit}"

    def lock(self, now: Instant) -> Lock:
        """The lock of a version that is made now."""
        days = self.number * (DAYS_OF_A_YEAR if self.unit == "years" else 1)
        return Lock(mode=self.mode, until=Instant(now + days * DAY))


def default_of(text: str | None) -> DefaultRetention | None:
    """The default retention that a bucket's `lock` stands for, if any."""
    match = _DEFAULT.fullmatch(text or "")
    return DefaultRetention(mode=Mode(match[1]), number=int(match[2]), unit=match[3]) if match else None


def check_default(retention: DefaultRetention) -> None:
    """A period of at least a day and at most a hundred years. Raises Invalid."""
    most = MAX_YEARS if retention.unit == "years" else MAX_DAYS
    if not 1 <= retention.number <= most:
        raise Invalid(f"a retention lasts 1 to {most} {retention.unit}", code=BAD_RETENTION)


def check_removal(lock: Lock | None, now: Instant, *, bypass: bool) -> None:
    """Raise Denied while a version may not be removed."""
    if lock is None:
        return
    if lock.held:
        raise Denied("this version is under a legal hold", code=LOCKED, hint="two persons can lift it")
    if lock.retains(now) and not (bypass and lock.mode is Mode.GOVERNANCE):
        raise Denied("this version is retained", code=LOCKED, hint="wait for the end of its retention")


def retained(current: Lock | None, mode: Mode | None, until: Instant, now: Instant, *, bypass: bool) -> Lock:
    """The lock with another retention; `mode` None ends it. Raises Denied, or Invalid for a moment that is over."""
    held = current is not None and current.held
    if mode is not None and not now < until <= now + MAX_UNTIL_DAYS * DAY:
        raise Invalid("the retain until date must be in the future, within 150 years", code=BAD_RETENTION)
    if current is not None and current.retains(now):
        weaker = mode is not current.mode or until < current.until
        if weaker and not (bypass and current.mode is Mode.GOVERNANCE):
            raise Denied("a retention can be prolonged, not weakened", code=LOCKED)
    return Lock(mode=mode, until=until if mode is not None else Instant(0), held=held)


def hold(current: Lock | None, *, held: bool, bypass: bool) -> Lock:
    """The lock with its hold laid or lifted. Raises Denied to whoever lifts one and may not bypass."""
    current = current or Lock()
    if current.held and not held and not bypass:
        raise Denied("a legal hold is lifted by two persons", code=LOCKED)
    return msgspec.structs.replace(current, held=held)
