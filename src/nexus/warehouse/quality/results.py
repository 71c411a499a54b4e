"""What a run found, in a form that is kept, compared and shown. JSON, version 1."""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Final

import msgspec
from msgspec import Struct

from nexus.kernel.clock import Instant
from nexus.kernel.errors import Invalid
from nexus.warehouse.quality.checks import Category, Check, Kind, Severity

VERSION: Final = 1
MAX_RUN_BYTES: Final = 16 * 1024 * 1024


class State(StrEnum):
    """How a check ended."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_APPLICABLE = "not-applicable"
    """There was nothing to look at. Never counted as passed."""


class Result(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One check: `violated` of `looked_at`, in per cent, and how much would have been tolerated."""

    id: str
    kind: Kind
    table: str
    field: str
    concepts: tuple[int, ...] = ()
    severity: Severity
    category: Category
    state: State
    threshold: float
    violated: int = 0
    looked_at: int = 0
    percent: float = 0.0
    missing: str = ""
    """The table or field without which it could not look."""

    @classmethod
    def of(  # noqa: PLR0917 - called by name
        cls,
        check: Check,
        state: State,
        violated: int = 0,
        looked_at: int = 0,
        percent: float = 0.0,
        missing: str = "",
    ) -> "Result":
        """The result of a check."""
        return cls(
            id=check.id,
            kind=check.kind,
            table=check.table,
            field=check.field,
            concepts=check.concepts,
            severity=check.severity,
            category=check.category,
            state=state,
            threshold=check.threshold,
            violated=violated,
            looked_at=looked_at,
            percent=percent,
            missing=missing,
        )


class Table(Struct, frozen=True, kw_only=True):
    """A table and how many rows it has."""

    name: str
    rows: int


class Run(Struct, frozen=True, kw_only=True):
    """Every check over one CDM at one moment."""

    version: int = VERSION
    cdm: str
    at: Instant
    results: tuple[Result, ...]
    tables: tuple[Table, ...]

    def failed(self, *severities: Severity) -> list[Result]:
        """Failures of these severities, or of all; the gravest and largest first."""
        order = list(Severity)
        found = [
            result
            for result in self.results
            if result.state is State.FAILED and (not severities or result.severity in severities)
        ]
        return sorted(found, key=lambda result: (order.index(result.severity), -result.percent, result.id))


class Change(Struct, frozen=True, kw_only=True):
    """A check that ended otherwise than in the run before. None: it was not in that run."""

    id: str
    was: State | None
    now: State
    was_percent: float
    now_percent: float


class Comparison(Struct, frozen=True, kw_only=True):
    """What changed since another run. `rows`: before and now, by table."""

    since: Instant
    broken: tuple[Change, ...]
    mended: tuple[Change, ...]
    drifted: tuple[Change, ...]
    """Same end, but the share of violations moved by more than `DRIFT` points."""
    rows: Mapping[str, tuple[int, int]]


DRIFT: Final = 1.0
"""Points of a per cent."""


def compare(before: Run, now: Run) -> Comparison:
    """What changed between two runs."""
    old = {result.id: result for result in before.results}
    changes = [(_change(old.get(result.id), result), result) for result in now.results]
    moved = [change for change, _ in changes if change.was is not change.now]
    rows = {table.name: (0, table.rows) for table in now.tables}
    rows |= {table.name: (table.rows, rows.get(table.name, (0, 0))[1]) for table in before.tables}
    return Comparison(
        since=before.at,
        broken=tuple(change for change in moved if change.now is State.FAILED),
        mended=tuple(change for change in moved if change.was is State.FAILED and change.now is not State.FAILED),
        drifted=tuple(
            change
            for change, _ in changes
            if change.was is change.now and abs(change.now_percent - change.was_percent) > DRIFT
        ),
        rows=rows,
    )


def _change(before: Result | None, now: Result) -> Change:
    return Change(
        id=now.id,
        was=before.state if before else None,
        now=now.state,
        was_percent=before.percent if before else 0.0,
        now_percent=now.percent,
    )


def tally(results: Iterable[Result]) -> dict[Category, dict[State, int]]:
    """How many checks ended how, by category."""
    found = {category: dict.fromkeys(State, 0) for category in Category}
    for result in results:
        found[result.category][result.state] += 1
    return found


def blocking(found: Run, severities: Sequence[Severity]) -> list[Result]:
    """The failures that stop a release."""
    return found.failed(*severities) if severities else []


def encode(found: Run) -> bytes:
    """The form that is kept."""
    return msgspec.json.format(msgspec.json.encode(found, order="sorted"), indent=1)


def decode(content: bytes) -> Run:
    """The inverse of `encode`. Raises Invalid."""
    if len(content) > MAX_RUN_BYTES:
        raise Invalid("this is too large to be a quality run", code="warehouse.run")
    try:
        found = msgspec.json.decode(content, type=Run)
    except msgspec.MsgspecError:
        raise Invalid("this is no quality run", code="warehouse.run") from None
    if found.version != VERSION:
        raise Invalid(f"a quality run of version {found.version} is not known", code="warehouse.run")
    return found
