"""Records of all sources in one table, in canonical form: the same canonical form that pseudonyms are made of."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow
from duckdb.func import FunctionNullHandling, PythonUDFType

from nexus.kernel.errors import Invalid, NexusError
from nexus.pseudonyms.identity import NirKey, nir, plain_name

MEMORY: Final = "2GB"
HOSPITAL, CLAIMS = "patients.csv", "IR_BEN_R.csv"

_HOSPITAL: Final = """
    SELECT ? AS source, Id AS local, number(SSN, GENDER, BIRTHDATE) AS number, plain(FIRST) AS given,
           plain(LAST) AS used, coalesce(plain(MAIDEN), plain(LAST)) AS family, try_cast(BIRTHDATE AS DATE) AS born,
           CASE GENDER WHEN 'F' THEN 2 WHEN 'M' THEN 1 END AS sex, BIRTHPLACE AS place, try_cast({rank} AS INTEGER) AS rank
    FROM {rows}
"""
_CLAIMS: Final = """
    SELECT ?, BEN_NIR_PSA || '/' || BEN_RNG_GEM,
           number(BEN_NIR_ANO, CASE BEN_SEX_COD WHEN '2' THEN 'F' ELSE 'M' END, BEN_NAI_ANN || '-' || BEN_NAI_MOI),
           NULL, NULL, NULL, NULL, try_cast(BEN_SEX_COD AS INTEGER), NULL, NULL
    FROM {rows}
"""
_FILE: Final = "read_csv(?, all_varchar = true, header = true)"
_HELD: Final = "told"
DOUBTFUL: Final = "?"
"""Stands for a number that cannot be gone by."""


@contextmanager
def opened(folder: Path, *, memory: str = MEMORY, scratch: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database with the table `records` of every source below a folder; what exceeds `memory` goes to `scratch`.

    A source is a folder with `patients.csv` (a hospital) or `IR_BEN_R.csv` (the claims base) somewhere in it; the name of
    the folder is the name of the source. Raises Invalid where there is none, or a column is missing.
    """
    found = sorted(path for name in (HOSPITAL, CLAIMS) for path in folder.glob(f"*/**/{name}"))
    if not found:
        raise Invalid(
            f"there is neither {HOSPITAL} nor {CLAIMS} below {folder.name}",
            code="linkage.no-source",
            hint="name the folder that holds a folder for each source",
        )
    with duckdb.connect(config={"memory_limit": memory, "temp_directory": str(scratch), "threads": "2"}) as engine:
        _begin(engine)
        for path in found:
            _read(engine, path, path.relative_to(folder).parts[0])
        _number_records(engine)
        yield engine


@dataclass(frozen=True, slots=True)
class Told:
    """The persons of one source, in memory: all text, columns named as in its files. `hospital`: or the claims base."""

    source: str
    hospital: bool
    rows: pyarrow.Table


@contextmanager
def held(told: Sequence[Told], *, memory: str = MEMORY) -> Iterator[duckdb.DuckDBPyConnection]:
    """The same database over what is in memory already; nothing of it is ever written to a disk.

    What exceeds `memory` ends in duckdb.OutOfMemoryException.
    """
    with duckdb.connect(config={"memory_limit": memory, "temp_directory": "", "threads": "2"}) as engine:
        _begin(engine)
        for each in told:
            engine.register(_HELD, each.rows)
            statement = _HOSPITAL.format(rank="BIRTH_RANK", rows=_HELD) if each.hospital else _CLAIMS.format(rows=_HELD)
            engine.execute("INSERT INTO delivered " + statement, [each.source])
            engine.unregister(_HELD)
        _number_records(engine)
        yield engine


def _begin(engine: duckdb.DuckDBPyConnection) -> None:
    _functions(engine)
    engine.execute(
        "CREATE TABLE delivered (source VARCHAR, local VARCHAR, number VARCHAR, given VARCHAR, used VARCHAR,"
        " family VARCHAR, born DATE, sex INTEGER, place VARCHAR, rank INTEGER)"
    )


def _number_records(engine: duckdb.DuckDBPyConnection) -> None:
    engine.execute(
        "CREATE TABLE records AS SELECT row_number() OVER (ORDER BY source, local) AS unique_id,"
        " source, local, nullif(number, '?') AS number, number IS NOT DISTINCT FROM '?' AS doubtful, given, used, family,"
        " born, sex, place, rank FROM"
        " (SELECT *, row_number() OVER (PARTITION BY source, local ORDER BY number, given, used, family, born) AS nth"
        " FROM delivered) WHERE nth = 1"
    )


def _read(engine: duckdb.DuckDBPyConnection, path: Path, source: str) -> None:
    try:
        if path.name == HOSPITAL:
            columns = engine.execute(
                "SELECT * FROM read_csv(?, all_varchar = true, header = true) LIMIT 0", [str(path)]
            ).description
            rank = "BIRTH_RANK" if any(column[0] == "BIRTH_RANK" for column in columns) else "NULL"
            statement = _HOSPITAL.format(rank=rank, rows=_FILE)
        else:
            statement = _CLAIMS.format(rows=_FILE)
        engine.execute("INSERT INTO delivered " + statement, [source, str(path)])
    except duckdb.Error as error:
        raise Invalid(
            f"{source}/{path.name} cannot be read: a column is missing, or it is no CSV",
            code="linkage.unreadable",
            hint="docs/how-to/link-records.md says which columns are read",
        ) from error


def _functions(engine: duckdb.DuckDBPyConnection) -> None:
    engine.create_function(
        "plain",
        _plain_column,
        ["varchar"],
        "varchar",
        type=PythonUDFType.ARROW,
        null_handling=FunctionNullHandling.SPECIAL,
    )
    engine.create_function(
        "number",
        _number_column,
        ["varchar"] * 3,
        "varchar",
        type=PythonUDFType.ARROW,
        null_handling=FunctionNullHandling.SPECIAL,
    )


def _plain_column(names: Any) -> pyarrow.Array:
    return pyarrow.array([_plain(name) for name in names.to_pylist()], pyarrow.string())


def _number_column(numbers: Any, genders: Any, births: Any) -> pyarrow.Array:
    rows = zip(numbers.to_pylist(), genders.to_pylist(), births.to_pylist(), strict=True)
    return pyarrow.array([_number(*row) for row in rows], pyarrow.string())


def _plain(name: str | None) -> str | None:
    """A name by its letters; None if it has none."""
    try:
        return plain_name(name) if name else None
    except NexusError:
        return None


def _number(text: str | None, gender: str | None, born: str | None) -> str | None:
    """A NIR that can be gone by: well formed, its key not wrong, sex and birth as the record says. None if there is none."""
    if not text:
        return None
    try:
        read = nir(text)
    except NexusError:
        return DOUBTFUL
    female = read.characters[0] in "248"
    month = int(read.characters[3:5])
    agrees = (
        read.key is not NirKey.WRONG
        and born is not None
        and len(born) >= len("2019-05")
        and female == (gender == "F")
        and read.characters[1:3] == born[2:4]
        and (month > 12 or read.characters[3:5] == born[5:7])
    )
    return read.characters if agrees else DOUBTFUL
