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
        referring = [name for name in REFERRED if name in records.columns and name in names(target) and name != own]
        joined, reason = records, records[REASON]
        if "person_id" in records.columns and target != "person":
            persons = self.persons.select(_known="person_id")
            joined = joined.left_join(persons, records.person_id == persons._known)
            missing = ibis.ifelse(joined._known.isnull(), Reason.UNKNOWN_PERSON.value, ibis.null("string"))
            reason = ibis.coalesce(records[REASON], missing)
        for name in referring:
            keys = self.tables[REFERRED[name]]
            keys = keys.select(**{f"_known_{name}": keys.columns[0]})
            joined = joined.left_join(keys, records[name] == keys[f"_known_{name}"])
        held = {name: joined[f"_known_{name}"] for name in referring}
        columns = {name: held.get(name, joined[name]) for name in records.columns}
        return joined.select(**{**columns, REASON: reason})
