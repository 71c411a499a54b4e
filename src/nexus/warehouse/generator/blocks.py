"""One block, from nothing to the bytes of its part of each file. Pure: the same block is the same wherever it is made."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import numpy
import pyarrow
import pyarrow.csv

from nexus.warehouse.generator import (
    claims_tables,
    deliveries,
    hospital_tables,
    lives,
    people,
    records,
    register,
    truth,
)
from nexus.warehouse.generator.answer import Counted, counted
from nexus.warehouse.generator.columns import Seen
from nexus.warehouse.generator.deliveries import FIRST, SECOND, Handed
from nexus.warehouse.generator.lives import Encounters, Lives
from nexus.warehouse.generator.model import Asked, Whole, draws
from nexus.warehouse.generator.people import People
from nexus.warehouse.generator.records import Records
from nexus.warehouse.generator.register import Numbers, Orders
from nexus.warehouse.generator.spoiling import Bad, spoil

REMOVED: Final = "removed"
_QUOTED: Final = frozenset({"patients"})
"""Files whose texts are within quotes: addresses hold commas."""


@dataclass(slots=True)
class Part:
    """What a block adds to one file."""

    columns: tuple[str, ...] = ()
    rows: int = 0
    content: bytes = b""
    bad: list[Bad] = field(default_factory=list)


Place = tuple[str, str]
"""Folder and name of a file, without `.csv`."""


@dataclass(slots=True)
class Block:
    """All parts of a block, and what it adds to the answer."""

    parts: dict[Place, Part] = field(default_factory=lambda: defaultdict(Part))
    counted: Counted = field(default_factory=Counted)

    def add(self, folder: str, name: str, table: pyarrow.Table, bad: Iterable[Bad] = ()) -> None:
        """Rows at the end of a file's part."""
        part = self.parts[folder, name]
        part.columns = tuple(table.column_names)
        part.bad += [Bad(one.row + part.rows, one.column, one.reason) for one in bad]
        part.rows += table.num_rows
        sink = pyarrow.BufferOutputStream()
        style = "needed" if name in _QUOTED else "none"  # which also refuses what would need them
        pyarrow.csv.write_csv(table, sink, pyarrow.csv.WriteOptions(include_header=False, quoting_style=style))
        part.content += sink.getvalue().to_pybytes()


def births(asked: Asked, block: int) -> tuple[Whole, Whole]:
    """What the register must see of a block before any number is given."""
    return register.births(people.people(asked, block))


def make(asked: Asked, block: int, own: Orders, waiting: Orders) -> Block:
    """A block, written. `own` and `waiting`: the orders that the register gave to its people."""
    living = people.people(asked, block)
    happened = lives.lives(asked, block, living)
    hospital = records.hospital_of(draws(asked, block, "places"), asked, living, happened.encounters)
    story = _Story(asked, block, living, register.numbers(living, own, waiting), happened, hospital)
    made = Block(counted=counted(asked, living, happened))
    made.add(truth.FOLDER, "people", truth.people(living, story.numbers))
    for number in range(1, asked.hospitals + 1):
        _hospital(made, story, number)
    _claims(made, story)
    return made


@dataclass(frozen=True, slots=True)
class _Story:
    """All that is true of a block."""

    asked: Asked
    block: int
    people: People
    numbers: Numbers
    lives: Lives
    hospital: Whole
    """Of each encounter; 0 in town."""


def _hospital(made: Block, story: _Story, number: int) -> None:
    asked, living, seen = story.asked, story.people, story.lives.encounters
    random = draws(asked, story.block, f"hosp{number}")
    source = f"hospital-{number}"
    at = numpy.flatnonzero(story.hospital == number)
    visits = Encounters(*(getattr(seen, name)[at] for name in Encounters.__dataclass_fields__))
    held = records.records(records.Desk(random, asked, number, living, story.numbers), visits)
    record = _records_of(random, held, visits)
    given = deliveries.handed(random, asked, at, visits.day, living.born[visits.person])
    ward = hospital_tables.Ward(number, living, story.lives, held)
    told: set[int] = set()
    for delivery in (FIRST, SECOND):
        folder, batch = f"{source}/delivery-{delivery}", given.of(delivery)
        of_batch = record[numpy.searchsorted(at, batch.at)]
        known = set[int]() if asked.whole else told
        fresh = numpy.array(sorted(set(of_batch.tolist()) - known), dtype=numpy.int64)
        told.update(fresh.tolist())
        patients = hospital_tables.patients(living, held, fresh)
        made.add(folder, patients.name, patients.table)
        for table in hospital_tables.tables(ward, batch, of_batch):
            _spoilt(made, story, folder, table, random)
    keys = [hospital_tables.encounter_id(number, story.block, serial) for serial in given.changed.tolist()]
    _changes(made, source, hospital_tables.ENCOUNTERS, keys, given, whole=asked.whole)
    made.add(truth.FOLDER, "records", truth.records(source, living, held, numpy.array(sorted(told), dtype=numpy.int64)))


def _records_of(random: numpy.random.Generator, held: Records, visits: Encounters) -> Whole:
    """The record under which each visit stands: one of two, where somebody has two."""
    first = numpy.searchsorted(held.person, visits.person, side="left")
    last = numpy.searchsorted(held.person, visits.person, side="right") - 1
    return numpy.where(random.random(len(visits)) < 0.5, first, last)


def _claims(made: Block, story: _Story) -> None:
    asked, living, seen = story.asked, story.people, story.lives.encounters
    random = draws(asked, story.block, "snds")
    folder = f"{claims_tables.SOURCE}/delivery-"
    held = claims_tables.beneficiaries(random, asked, living)
    rows = claims_tables.beneficiary_rows(living, story.numbers, held)
    for table in (rows, *claims_tables.lasting_rows(asked, living, story.lives, held)):
        for delivery in (FIRST, SECOND) if asked.whole else (FIRST,):
            made.add(f"{folder}{delivery}", table.name, table.table)
    town, ward = numpy.flatnonzero(story.hospital == 0), numpy.flatnonzero(seen.stay > 0)
    paid = deliveries.handed(random, asked, town, seen.day[town], living.born[seen.person[town]])
    stays = deliveries.handed(random, asked, ward, seen.day[ward], living.born[seen.person[ward]])
    for delivery in (FIRST, SECOND):
        told, stayed = paid.of(delivery), stays.of(delivery)
        for table in (
            *claims_tables.paid_rows(living, story.lives, told, held),
            *claims_tables.stay_rows(living, story.lives, stayed, story.hospital[stayed.at], held),
        ):
            _spoilt(made, story, f"{folder}{delivery}", table, random)
    payments = [claims_tables.payment_key(story.block, serial) for serial in paid.changed.tolist()]
    _changes(made, claims_tables.SOURCE, "ER_PRS_F", payments, paid, whole=asked.whole)
    where = {
        serial: int(story.hospital[at])
        for batch in (stays.first, stays.second)
        for serial, at in zip(batch.serial.tolist(), batch.at.tolist(), strict=True)
    }
    keys = [claims_tables.stay_key(where[serial], story.block, serial) for serial in stays.changed.tolist()]
    _changes(made, claims_tables.SOURCE, "T_MCOaaB", keys, stays, whole=asked.whole)
    made.add(truth.FOLDER, "records", truth.beneficiaries(living, held))


_SPOILABLE: Final = {**hospital_tables.SPOILABLE, **claims_tables.SPOILABLE}


def _spoilt(made: Block, story: _Story, folder: str, seen: Seen, random: numpy.random.Generator) -> None:
    table, bad = seen.table, list[Bad]()
    if what := _SPOILABLE.get(seen.name):
        table, bad = spoil(random, table, what, seen.born, story.asked.bad_rows)
    made.add(folder, seen.name, table, bad)


def _changes(made: Block, source: str, table: str, keys: list[str], given: Handed, *, whole: bool) -> None:
    """What the second delivery does: told to the receiver where something is removed, and all of it in the truth.

    Of a whole extract nothing needs to be told: what is removed is not in it.
    """
    change = [deliveries.CHANGE[one] for one in given.change.tolist()]
    gone = [key for key, one in zip(keys, change, strict=True) if one == "removed"]
    text = pyarrow.string()
    if not whole:
        told = {"TABLE": pyarrow.array([table] * len(gone), text), "KEY": pyarrow.array(gone, text)}
        made.add(f"{source}/delivery-{SECOND}", REMOVED, pyarrow.table(told))
    made.add(truth.FOLDER, "changes", truth.changes(source, table, keys, change))
