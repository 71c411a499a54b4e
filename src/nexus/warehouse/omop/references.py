"""What records refer to: a person must be there; a visit, provider, place that is not there becomes NULL."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import ibis
import ibis.expr.types as ir

from nexus.warehouse.omop.problems import Reason
from nexus.warehouse.omop.source import REASON
from nexus.warehouse.omop.spec import names, primary_key

REFERRED: Final[Mapping[str, str]] = {
    "visit_occurrence_id": "visit_occurrence",
    "visit_detail_id": "visit_detail",
    "provider_id": "provider",
    "care_site_id": "care_site",
    "location_id": "location",
}


@dataclass(frozen=True, slots=True)
class Known:
    """What has been written. `tables`: of each of REFERRED, its keys."""

    persons: ir.Table
    """person_id, year_of_birth."""
    tables: Mapping[str, ir.Table]

    def linked(self, records: ir.Table, target: str) -> ir.Table:
        """Records of a CDM table, with references that hold."""
        own = primary_key(target)
        if "person_id" in records.columns and target != "person":
            records = self._with_person(records)
        for field, table in REFERRED.items():
            if field in records.columns and field in names(target) and field != own:
                records = referring(records, field, self.tables[table])
        return records

    def _with_person(self, records: ir.Table) -> ir.Table:
        persons = self.persons.select(_known="person_id")
        joined = records.left_join(persons, records.person_id == persons._known)
        missing = ibis.ifelse(joined._known.isnull(), Reason.UNKNOWN_PERSON.value, ibis.null("string"))
        return joined.mutate(**{REASON: ibis.coalesce(joined[REASON], missing)}).drop("_known")


def referring(records: ir.Table, field: str, keys: ir.Table) -> ir.Table:
    """Records whose reference is NULL where nothing has that key."""
    keys = keys.select(_known=keys[keys.columns[0]])
    joined = records.left_join(keys, records[field] == keys._known)
    return joined.mutate(**{field: joined._known}).drop("_known")
