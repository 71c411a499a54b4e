"""What no source delivers: who is who, what is wrong where, and what the second delivery does."""

import numpy
import pyarrow

from nexus.warehouse.generator import calendar, claims_tables, names, places
from nexus.warehouse.generator.model import Whole
from nexus.warehouse.generator.people import NEVER, People
from nexus.warehouse.generator.records import Records
from nexus.warehouse.generator.register import Numbers

FOLDER = "truth"


def people(living: People, numbers: Numbers) -> pyarrow.Table:
    """Everybody, with the numbers of the register."""
    first = living.first
    end = calendar.LAST - 1
    ids = _ids(first + numpy.arange(len(living)))
    return pyarrow.table(
        {
            "PERSON": ids,
            "FAMILY": _ids(first + living.family),
            "NIR": pyarrow.array(numbers.nir, pyarrow.string()),
            "WAITING_NIR": pyarrow.array([one or None for one in numbers.waiting], pyarrow.string()),
            "SEX": pyarrow.array(living.female + 1),
            "BORN": calendar.written(living.born),
            "DIED": calendar.written(numpy.minimum(living.died, end), missing=living.died >= NEVER),
            "BIRTHPLACE": pyarrow.array(places.CODES[living.birthplace], pyarrow.string()),
            "TWIN_OF": ids.take(pyarrow.array(living.twin_of, mask=living.twin_of < 0)),
            "BIRTH_RANK": pyarrow.array(living.birth_rank),
            "GIVEN": pyarrow.array(names.GIVEN[living.given], pyarrow.string()),
            "FAMILY_NAME": pyarrow.array(names.FAMILY[living.family_name], pyarrow.string()),
            "USED_NAME": pyarrow.array(names.FAMILY[living.used_name], pyarrow.string()),
            "USED_FROM": calendar.written(numpy.minimum(living.used_from, end), missing=living.used_from >= NEVER),
        }
    )


def records(source: str, living: People, held: Records, told: Whole) -> pyarrow.Table:
    """Whose records a hospital holds; `told`: positions of those that it delivers."""
    return pyarrow.table(
        {
            "SOURCE": pyarrow.repeat(source, len(told)),
            "LOCAL": pyarrow.array([f"{one:010d}" for one in held.local[told].tolist()], pyarrow.string()),
            "PERSON": _ids(living.first + held.person[told]),
            "MISTAKES": pyarrow.array([one or None for one in held.mistakes[told]], pyarrow.string()),
            "DUPLICATE": pyarrow.array(held.second[told]),
        }
    )


def beneficiaries(living: People, held: claims_tables.Beneficiaries) -> pyarrow.Table:
    """Whose rows of IR_BEN_R are whose."""
    count = len(held.person)
    local = [f"{psa}/{rank}" for psa, rank in zip(held.psa, held.rank.tolist(), strict=True)]
    mistakes = [None if known else "number-missing" for known in held.number_known.tolist()]
    return pyarrow.table(
        {
            "SOURCE": pyarrow.repeat(claims_tables.SOURCE, count),
            "LOCAL": pyarrow.array(local, pyarrow.string()),
            "PERSON": _ids(living.first + held.person),
            "MISTAKES": pyarrow.array(mistakes, pyarrow.string()),
            "DUPLICATE": pyarrow.array((numpy.arange(count) >= len(living)).astype(numpy.int64)),
        }
    )


def changes(source: str, table: str, keys: list[str], change: list[str]) -> pyarrow.Table:
    """What the second delivery of a source does, by the keys of its rows."""
    columns = {"SOURCE": [source] * len(keys), "TABLE": [table] * len(keys), "KEY": keys, "CHANGE": change}
    return pyarrow.table({name: pyarrow.array(values, pyarrow.string()) for name, values in columns.items()})


def _ids(numbers: Whole) -> pyarrow.Array:
    return pyarrow.array([f"P{number:09d}" for number in numbers.tolist()], pyarrow.string())
