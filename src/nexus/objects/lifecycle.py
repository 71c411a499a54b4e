"""Life cycle rules of a bucket: what they say, and what they make of a version. Values and pure rules.

A rule applies to the keys under a prefix, perhaps with tags, perhaps within sizes. Times count from the moment of a
version, and for versions that are not the latest from the moment at which a newer one took their place; they are rounded
up to the next midnight in UTC, as in S3. Locks are stronger than rules: what is locked stays.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from nexus.kernel.clock import DAY, Instant

MAX_RULES: Final = 1_000
MAX_ID_CHARS: Final = 255
MAX_DAYS: Final = 36_500


class Rule(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One rule. Days are whole days; None means that the rule says nothing of it."""

    id: str
    enabled: bool = True
    prefix: str = ""
    tags: Mapping[str, str] = {}
    larger_than: int | None = None
    smaller_than: int | None = None
    filtered: bool = True
    """Whether it was written with a Filter, or with the older Prefix."""
    conjunction: bool = False
    """Whether its Filter was written with And."""
    days: int | None = None
    date: Instant | None = None
    expired_marker: bool = False
    """Remove a delete marker that hides nothing any more."""
    noncurrent_days: int | None = None
    newer_noncurrent: int = 0
    """Noncurrent versions to keep, the newest ones, whatever their age."""
    abort_days: int | None = None

    def concerns(self, key: str, size: int) -> bool:
        """Whether the rule applies, as far as can be told without the tags."""
        return (
            self.enabled
            and key.startswith(self.prefix)
            and (self.larger_than is None or size > self.larger_than)
            and (self.smaller_than is None or size < self.smaller_than)
        )

    def has(self, tags: Mapping[str, str]) -> bool:
        """Whether an object has all the tags that the rule asks for."""
        return all(tags.get(name) == value for name, value in self.tags.items())

    def ends_at(self, modified_at: Instant, day: int) -> Instant | None:
        """When the latest version of an object ends by this rule."""
        if self.date is not None:
            return self.date
        return None if self.days is None else due(modified_at, self.days, day)


_decoder = msgspec.json.Decoder(tuple[Rule, ...])


def decode(body: bytes) -> tuple[Rule, ...]:
    """The rules of a document."""
    return _decoder.decode(body)


def due(since: Instant, days: int, day: int = DAY) -> Instant:
    """`days` after a moment, rounded up to the next midnight. `day`: microseconds; shorter ones are not rounded."""
    moment = since + days * day
    return Instant(-(-moment // DAY) * DAY if day == DAY else moment)


def next_end(
    rules: Sequence[Rule], key: str, size: int, tags: Mapping[str, str], modified_at: Instant
) -> tuple[Instant, str] | None:
    """When the latest version of an object ends, and by which rule; None if it does not."""
    ends = [
        (ends_at, rule.id)
        for rule in rules
        if rule.concerns(key, size) and rule.has(tags) and (ends_at := rule.ends_at(modified_at, DAY)) is not None
    ]
    return min(ends) if ends else None
