"""What differs between two releases: of their manifests alone, no row is read."""

from typing import Final

from msgspec import Struct

from nexus.warehouse.cohorts.masking import may_be_shown
from nexus.warehouse.releases.manifest import Release, Table

_SAID: Final = ("project", "permit", "until", "domain", "period_from", "period_until", "cohort", "consent", "buckets")


class TableDiff(Struct, frozen=True, kw_only=True):
    """A table that differs. Rows before and now; None where their difference is one to ten, which may point at a person."""

    name: str
    rows_before: int | None
    rows_now: int | None
    columns_added: tuple[str, ...]
    columns_removed: tuple[str, ...]
    files_kept: int
    files_new: int
    files_gone: int


class ReleaseDiff(Struct, frozen=True, kw_only=True):
    """What differs in the later of two releases; differences of one to ten rows are hidden."""

    follows: bool
    """Whether the later names the earlier as the one before it."""
    said: dict[str, tuple[str, str]]
    """What they say differently of themselves: before, now."""
    tables: tuple[TableDiff, ...]
    files_kept: int
    files_new: int
    bytes_new: int


def compare(before: Release, now: Release) -> ReleaseDiff:
    """What is different in `now`."""
    old, new = ({table.name: table for table in release.tables} for release in (before, now))
    had = {part.sha256 for table in before.tables for part in table.parts}
    parts = [part for table in now.tables for part in table.parts]
    fresh = [part for part in parts if part.sha256 not in had]
    return ReleaseDiff(
        follows=now.parent == before.digest(),
        said=_said(before, now),
        tables=tuple(
            _table(name, old.get(name), new.get(name))
            for name in sorted({*old, *new})
            if old.get(name) != new.get(name)
        ),
        files_kept=len(parts) - len(fresh),
        files_new=len(fresh),
        bytes_new=sum(part.bytes for part in fresh),
    )


def _said(before: Release, now: Release) -> dict[str, tuple[str, str]]:
    pairs = {name: (str(getattr(before, name)), str(getattr(now, name))) for name in _SAID}
    for name in before.source.__struct_fields__:
        pairs[f"source.{name}"] = (str(getattr(before.source, name)), str(getattr(now.source, name)))
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _table(name: str, before: Table | None, now: Table | None) -> TableDiff:
    old_files = {part.sha256 for part in before.parts} if before else set()
    new_files = {part.sha256 for part in now.parts} if now else set()
    old_columns = [column.name for column in before.columns] if before else []
    new_columns = [column.name for column in now.columns] if now else []
    rows = (before.rows if before else 0, now.rows if now else 0)
    shown = may_be_shown(abs(rows[0] - rows[1]))
    return TableDiff(
        name=name,
        rows_before=rows[0] if shown else None,
        rows_now=rows[1] if shown else None,
        columns_added=tuple(column for column in new_columns if column not in old_columns),
        columns_removed=tuple(column for column in old_columns if column not in new_columns),
        files_kept=len(old_files & new_files),
        files_new=len(new_files - old_files),
        files_gone=len(old_files - new_files),
    )
