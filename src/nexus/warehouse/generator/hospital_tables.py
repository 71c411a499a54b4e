"""A hospital's extract: tables with the names and columns of Synthea's CSV export, in the hospital's own numbers."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy
import pyarrow
import pyarrow.compute

from nexus.warehouse.generator import calendar, places
from nexus.warehouse.generator.catalogue import ACTS, CLINIC, CONDITIONS, DRUGS, EMERGENCY, MEASURES, WARD
from nexus.warehouse.generator.columns import Seen, local_numbers, looked_up, same, table_of, texts
from nexus.warehouse.generator.deliveries import Batch, belonging
from nexus.warehouse.generator.lives import Lives
from nexus.warehouse.generator.model import Badness, Whole
from nexus.warehouse.generator.people import NEVER, People
from nexus.warehouse.generator.records import Records
from nexus.warehouse.generator.spoiling import Spoilable

PATIENTS: Final = "patients"
ENCOUNTERS: Final = "encounters"
IDENTIFYING: Final = (
    "SSN", "DRIVERS", "PASSPORT", "PREFIX", "FIRST", "MIDDLE", "LAST", "SUFFIX", "MAIDEN", "BIRTHPLACE", "ADDRESS", "BIRTH_RANK",
)  # fmt: skip
"""Columns of patients that say who somebody is: what a delivery declares, and nothing but linkage reads."""
_NOBODY: Final = "9999999999"
_CLASS: Final = {
    EMERGENCY: ("emergency", "50849002", "Emergency room admission (procedure)"),
    WARD: ("inpatient", "32485007", "Hospital admission (procedure)"),
    CLINIC: ("ambulatory", "185349003", "Encounter for check up (procedure)"),
}
_CIM_9: Final = "410.9"
"""A code of a classification that is not in force."""
SPOILABLE: Final = {
    "conditions": Spoilable(
        "START", {Badness.RETIRED_CODE: ("CODE", _CIM_9), Badness.UNKNOWN_PATIENT: ("PATIENT", _NOBODY)}
    ),
    "medications": Spoilable(
        "START", {Badness.RETIRED_CODE: ("CODE", "3990707"), Badness.UNKNOWN_PATIENT: ("PATIENT", _NOBODY)}
    ),
    "observations": Spoilable(
        "DATE", {Badness.NO_NUMBER: ("VALUE", "1O.4"), Badness.UNKNOWN_PATIENT: ("PATIENT", _NOBODY)}
    ),
    "procedures": Spoilable("START", {Badness.UNKNOWN_PATIENT: ("PATIENT", _NOBODY)}),
}


def patients(people: People, held: Records, rows: Whole) -> Seen:
    """The identities of some of a hospital's records."""
    who = held.person[rows]
    dead = people.died[who] < NEVER
    town = (people.home[who] * 7 + who) % len(places.TOWNS)
    street = pyarrow.array(
        [f"{1 + number % 97}, {places.STREETS[number % len(places.STREETS)]}" for number in who.tolist()]
    )
    department = pyarrow.array([f"{1 + home % 95:02d}000" for home in people.home[who].tolist()])
    female = held.female[rows] == 1
    table = table_of(
        Id=local_numbers(held.local[rows]),
        BIRTHDATE=calendar.written(held.born[rows]),
        DEATHDATE=calendar.written(numpy.minimum(people.died[who], calendar.LAST - 1), missing=~dead),
        SSN=texts(held.nir[rows]),
        DRIVERS=None,
        PASSPORT=None,
        PREFIX=pyarrow.array(numpy.where(female, "Mme", "M.")),
        FIRST=texts(held.given[rows]),
        MIDDLE=None,
        LAST=texts(held.last[rows]),
        SUFFIX=None,
        MAIDEN=texts(held.maiden[rows]),
        MARITAL=None,
        RACE=None,
        ETHNICITY=None,
        GENDER=pyarrow.array(numpy.where(female, "F", "M")),
        BIRTHPLACE=texts(held.place[rows]),
        ADDRESS=street,
        CITY=texts(places.TOWNS[town]),
        STATE=None,
        COUNTY=None,
        FIPS=None,
        ZIP=department,
        LAT=None,
        LON=None,
        HEALTHCARE_EXPENSES=None,
        HEALTHCARE_COVERAGE=None,
        INCOME=None,
        BIRTH_RANK=texts(held.rank[rows]),
    )
    return Seen(PATIENTS, table, people.born[who])


@dataclass(frozen=True, slots=True)
class Ward:
    """A hospital, those whom it sees, and what it believes them to be."""

    hospital: int
    people: People
    lives: Lives
    held: Records


def tables(ward: Ward, batch: Batch, record: Whole) -> Iterator[Seen]:
    """The clinical tables of a batch. `record`: for each encounter of the batch, the position of its record."""
    hospital, people, lives, held = ward.hospital, ward.people, ward.lives, ward.held
    seen = lives.encounters
    local = local_numbers(held.local[record])
    born = people.born[seen.person[batch.at]]
    names = _names(hospital, people, batch.serial)
    begin = calendar.moments(batch.day, seen.minute[batch.at])
    ends = calendar.moments(batch.day + seen.stay[batch.at], numpy.minimum(seen.minute[batch.at] + 45, 1_439))
    where, why = seen.where[batch.at], seen.condition[batch.at]
    doctor = pyarrow.array([f"H{hospital}D{number:02d}" for number in range(DOCTORS)]).take(
        pyarrow.array(batch.serial % DOCTORS)
    )
    yield Seen(
        ENCOUNTERS,
        table_of(
            Id=names,
            START=begin,
            STOP=ends,
            PATIENT=local,
            ORGANIZATION=same(f"H{hospital}", len(local)),
            PROVIDER=doctor,
            PAYER=same("CNAM", len(local)),
            ENCOUNTERCLASS=looked_up([_CLASS.get(place, ("", "", ""))[0] for place in range(4)], where),
            CODE=looked_up([_CLASS.get(place, ("", "", ""))[1] for place in range(4)], where),
            DESCRIPTION=looked_up([_CLASS.get(place, ("", "", ""))[2] for place in range(4)], where),
            BASE_ENCOUNTER_COST=None,
            TOTAL_CLAIM_COST=None,
            PAYER_COVERAGE=None,
            REASONCODE=looked_up([*(one.snomed for one in CONDITIONS), None], why),
            REASONDESCRIPTION=looked_up([*(one.text for one in CONDITIONS), None], why),
        ),
        born,
    )
    row, at = belonging(lives.conditions, batch)
    what = lives.conditions.what[at]
    yield Seen(
        "conditions",
        table_of(
            START=calendar.written(batch.day[row]),
            STOP=calendar.written(batch.day[row] + 14, missing=what < 6),  # the first six stay for life
            PATIENT=local.take(pyarrow.array(row)),
            ENCOUNTER=names.take(pyarrow.array(row)),
            SYSTEM=same("SNOMED-CT", len(row)),
            CODE=looked_up([one.snomed for one in CONDITIONS], what),
            DESCRIPTION=looked_up([one.text for one in CONDITIONS], what),
        ),
        born[row],
    )
    yield from _cares(lives, batch, local, names, born)


def _cares(lives: Lives, batch: Batch, local: pyarrow.Array, names: pyarrow.Array, born: Whole) -> Iterator[Seen]:
    row, at = belonging(lives.drugs, batch)
    what = lives.drugs.what[at]
    begin = batch.day[row] + lives.drugs.after[at]
    noon = numpy.full(len(row), 720)
    yield Seen(
        "medications",
        table_of(
            START=calendar.moments(begin, noon),
            STOP=calendar.moments(begin + 30, noon),
            PATIENT=local.take(pyarrow.array(row)),
            PAYER=same("CNAM", len(row)),
            ENCOUNTER=names.take(pyarrow.array(row)),
            CODE=looked_up([one.rxnorm for one in DRUGS], what),
            DESCRIPTION=looked_up([one.text for one in DRUGS], what),
            BASE_COST=looked_up([one.euros for one in DRUGS], what),
            PAYER_COVERAGE=None,
            DISPENSES=pyarrow.array(numpy.ones(len(row), dtype=numpy.int64)),
            TOTALCOST=looked_up([one.euros for one in DRUGS], what),
            REASONCODE=None,
            REASONDESCRIPTION=None,
        ),
        born[row],
    )
    row, at = belonging(lives.measures, batch)
    what = lives.measures.what[at]
    yield Seen(
        "observations",
        table_of(
            DATE=calendar.moments(batch.day[row], numpy.full(len(row), 540)),
            PATIENT=local.take(pyarrow.array(row)),
            ENCOUNTER=names.take(pyarrow.array(row)),
            CATEGORY=same("laboratory", len(row)),
            CODE=looked_up([one.loinc for one in MEASURES], what),
            DESCRIPTION=looked_up([one.text for one in MEASURES], what),
            VALUE=pyarrow.compute.cast(pyarrow.array(lives.measures.value[at]), pyarrow.string()),
            UNITS=looked_up([one.unit for one in MEASURES], what),
            TYPE=same("numeric", len(row)),
        ),
        born[row],
    )
    row, at = belonging(lives.acts, batch)
    what = lives.acts.what[at]
    yield Seen(
        "procedures",
        table_of(
            START=calendar.moments(batch.day[row], numpy.full(len(row), 600)),
            STOP=calendar.moments(batch.day[row], numpy.full(len(row), 630)),
            PATIENT=local.take(pyarrow.array(row)),
            ENCOUNTER=names.take(pyarrow.array(row)),
            SYSTEM=same("SNOMED-CT", len(row)),
            CODE=looked_up([one.snomed for one in ACTS], what),
            DESCRIPTION=looked_up([one.text for one in ACTS], what),
            BASE_COST=None,
            REASONCODE=None,
            REASONDESCRIPTION=None,
        ),
        born[row],
    )


DOCTORS: Final = 24
ORGANIZATION_COLUMNS: Final = (
    "Id",
    "NAME",
    "ADDRESS",
    "CITY",
    "STATE",
    "ZIP",
    "LAT",
    "LON",
    "PHONE",
    "REVENUE",
    "UTILIZATION",
)
PROVIDER_COLUMNS: Final = (
    "Id", "ORGANIZATION", "NAME", "GENDER", "SPECIALITY", "ADDRESS", "CITY", "STATE", "ZIP", "LAT", "LON", "ENCOUNTERS", "PROCEDURES",
)  # fmt: skip
_SPECIALITIES: Final = ("GENERAL PRACTICE", "CARDIOLOGY", "GASTROENTEROLOGY", "PNEUMOLOGY")


def organisation(hospital: int) -> pyarrow.Table:
    """The hospital itself."""
    town = str(places.TOWNS[hospital % len(places.TOWNS)])
    values = {"Id": f"H{hospital}", "NAME": f"Centre hospitalier de {town}", "CITY": town, "ZIP": f"{hospital:02d}000"}
    return pyarrow.table({name: pyarrow.array([values.get(name)], pyarrow.string()) for name in ORGANIZATION_COLUMNS})


def providers(hospital: int) -> pyarrow.Table:
    """Those who work there, under numbers: nobody is named who treats nobody."""
    ids = [f"H{hospital}D{number:02d}" for number in range(DOCTORS)]
    values = {
        "Id": ids,
        "ORGANIZATION": [f"H{hospital}"] * DOCTORS,
        "NAME": [f"Praticien {number:02d}" for number in range(DOCTORS)],
        "GENDER": ["FM"[number % 2] for number in range(DOCTORS)],
        "SPECIALITY": [_SPECIALITIES[number % len(_SPECIALITIES)] for number in range(DOCTORS)],
    }
    return pyarrow.table(
        {name: pyarrow.array(values.get(name, [None] * DOCTORS), pyarrow.string()) for name in PROVIDER_COLUMNS}
    )


def encounter_id(hospital: int, block: int, serial: int) -> str:
    """What a hospital calls an encounter."""
    return f"H{hospital}E{block:05d}{serial:06d}"


def _names(hospital: int, people: People, serials: Whole) -> pyarrow.Array:
    return pyarrow.array(
        [encounter_id(hospital, people.block, serial) for serial in serials.tolist()], pyarrow.string()
    )
