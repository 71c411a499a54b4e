"""What a conversion needs of an engine: to read Parquet as tables of Ibis, to hold a piece, to write one."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias

import ibis.expr.types as ir
import pyarrow.parquet as pq

MEMORY: Final = "4GB"
"""What an engine may hold in memory, unless told otherwise; beyond, it writes to the work folder."""


def _reads_nothing(table: str) -> None:
    raise LookupError(f"an expression reads {table}, and does not say how")


@dataclass(frozen=True, slots=True)
class Named:
    """An expression by a name that says all that it is made of, so that an engine need not have it built twice (`statements`).

    `make` asks the engine for no table, except those of `reads`: what else it reads is in its place before.
    """

    name: str
    make: Callable[[], ir.Table]
    reads: Sequence[str] = ()
    """Tables that `make` has asked for, once it has run."""
    look: Callable[[str], object] = _reads_nothing
    """Puts one of these in its place."""


Asked: TypeAlias = ir.Table | Named
Held: TypeAlias = Callable[[], ir.Table]


def built(asked: Asked) -> ir.Table:
    """The expression itself."""
    return asked.make() if isinstance(asked, Named) else asked


class Engine(Protocol):
    """DuckDB (`duckdb_engine`) or Spark (`spark_engine`)."""

    name: str

    def until(self, day: date) -> None:
        """The last day on which something can have happened: what `nexus_last()` is in expressions."""

    def staged(
        self, name: str, places: Sequence[Path | str], columns: Sequence[str], lines: tuple[int, int] | None = None
    ) -> ir.Table:
        """Staged files as one table: the columns, `_file`, `_line`. Without files: the same table without rows.

        A place is a Parquet file, or the name of a table that this engine itself keeps (`Staging`). `lines`: the first, and the one
        behind the last.
        """

    def chosen(self, name: str, asked: Asked, columns: Sequence[str]) -> ir.Table:
        """Some rows of staged files under the name of a table of them."""

    def read(self, name: str, paths: Sequence[Path], columns: Mapping[str, str]) -> ir.Table:
        """Parquet files, or folders of them, as one table of these columns and types. Without files: without rows."""

    def hold(self, asked: Asked) -> Held:
        """Compute a table once; how it is called in expressions. What was held before is let go."""

    def write(self, asked: Asked, path: Path) -> int:
        """Write rows to a Parquet file or folder of this name, whole or not at all; how many there were."""

    def rows(self, asked: Asked) -> list[tuple[Any, ...]]:
        """A small table in memory."""

    def close(self) -> None:
        """Let everything go."""


def rows_in(paths: Iterable[Path]) -> int:
    """Rows of Parquet files, or folders of them, as they say themselves: no engine reads anything."""
    return sum(int(pq.read_metadata(file).num_rows) for path in paths for file in parquet(path))


def parquet(path: Path) -> Iterator[Path]:
    """The Parquet files at a path or below it, in order. Spark writes a folder where DuckDB writes a file of that name."""
    found = [path] if path.is_file() else path.rglob("*.parquet")
    return (file for file in sorted(found) if file.is_file())


_TYPES: Final = {"int32": "INT", "int64": "BIGINT", "date": "DATE", "float64": "DOUBLE", "boolean": "BOOLEAN"}


def without_rows(columns: Mapping[str, str], *, text: str, moment: str) -> str:
    """A statement that gives these columns and no row. `text`, `moment`: what the engine calls the two types."""
    types = {**_TYPES, "string": text, "timestamp": moment}
    return (
        f"SELECT {', '.join(f'CAST(NULL AS {types[type_]}) AS {name}' for name, type_ in columns.items())} WHERE 1 = 0"
    )
