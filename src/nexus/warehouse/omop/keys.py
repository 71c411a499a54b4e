"""Keys of records: 63 bits of a keyed hash of what the source calls a thing, so that they are the same in each delivery.

The hash itself is a function `nexus_key(text)` that each engine defines with the secret of the warehouse in it, beside
`nexus_check(text)`, 32 other bits of the same hash, by which a collision is told from a thing that is told twice. Parts are joined by U+001F, which no identifier holds.
"""

import functools
from datetime import date
from typing import Final

import ibis
import ibis.expr.types as ir

from nexus.kernel.errors import Conflict

SEPARATOR: Final = "\x1f"


@ibis.udf.scalar.builtin  # type: ignore[untyped-decorator]  # Ibis has no types
def nexus_key(text: str) -> int:
    """The first 8 bytes of MD5(secret, text), read from the last to the first, without the highest bit."""
    raise NotImplementedError  # engines define it


@ibis.udf.scalar.builtin  # type: ignore[untyped-decorator]  # Ibis has no types
def nexus_check(text: str) -> int:
    """The last 4 bytes of MD5(secret, text), read from the last to the first."""
    raise NotImplementedError  # engines define it


@ibis.udf.scalar.builtin  # type: ignore[untyped-decorator]  # Ibis has no types
def nexus_link(text: str) -> int:
    """63 bits of DuckDB's own hash of secret and text, NULL for NULL: cheap, and good for one release of DuckDB (`lines`)."""
    raise NotImplementedError  # DuckDB's engine defines it


@ibis.udf.scalar.builtin  # type: ignore[untyped-decorator]  # Ibis has no types
def nexus_last() -> date:
    """The last day on which something can have happened (`Engine.until`)."""
    raise NotImplementedError  # engines define it


def natural(kind: str, *parts: ir.Value | str) -> ir.StringValue:
    """What a source calls a thing, as one text. A part that is NULL counts as empty."""
    texts = (part if isinstance(part, str) else ibis.coalesce(part.cast("string"), "") for part in parts)
    return together(kind, *texts)


def together(*texts: ir.Value | str) -> ir.StringValue:
    """Texts of which none is NULL, as one: in a single step, which costs engines half of what one after the other does."""
    return ibis.literal(SEPARATOR).join(texts)


def key(kind: str, *parts: ir.Value | str) -> ir.IntegerColumn:
    """The key of a thing."""
    return nexus_key(natural(kind, *parts))


def reference(kind: str, first: ir.Value, *parts: ir.Value | str) -> ir.IntegerColumn:
    """The key of a thing that a row may refer to: NULL where a part is NULL."""
    return nexus_key(_joined(kind, (first, *parts)))


def collision(keys: int) -> Conflict:
    """Keys that stand for two things each."""
    return Conflict(
        f"{keys} keys stand for two things each",
        code="omop.collision",
        hint="63 bits were not enough, which happens once in hundreds of large builds: convert again with another --key",
    )


def _joined(kind: str, parts: tuple[ir.Value | str, ...]) -> ir.StringValue:
    return functools.reduce(lambda text, part: text + SEPARATOR + part, parts, ibis.literal(kind))
