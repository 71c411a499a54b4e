"""MIMIC-III: nobody says who a patient is. Every patient is what the delivery calls her, and no one else.

There is no name and no national number, and dates are shifted, each patient's by other days: a date of birth there is none. So linkage
is told nothing but the sex, and the number of the patient, under the provider's name, is the identity that her pseudonym is made of.
"""

from collections.abc import Mapping
from typing import Final

from nexus.warehouse.building.form import Cell, Form, OfPerson, OfThing
from nexus.warehouse.omop.sources.mimic import MIMIC
from nexus.warehouse.omop.together import apart

PREFIX: Final = "mimic_"
_SOURCE: Final = apart(MIMIC, PREFIX)
_IDENTITY: Final = ("ssn", "gender", "birthdate", "first", "last", "maiden", "birthplace", "birth_rank")
"""What linkage reads of a hospital. The table has the sex alone."""
_THINGS: Final = {"hadm_id": "admission", "icustay_id": "stay", "cgid": "caregiver"}


def _cells() -> Mapping[tuple[str, str], Cell]:
    cells: dict[tuple[str, str], Cell] = {
        (table.name, column): OfThing(kind)
        for table in _SOURCE.tables
        for column, kind in {**_THINGS, "row_id": table.name}.items()
        if column in table.every_column
    }
    cells |= {(table.name, table.person): OfPerson((table.person,)) for table in _SOURCE.tables if table.person}
    return cells


INTENSIVE_CARE: Final = Form(
    _SOURCE,
    f"{PREFIX}patients",
    ("subject_id",),
    _IDENTITY,
    _cells(),
    telling=("dob",),
    prefix=PREFIX,
)
