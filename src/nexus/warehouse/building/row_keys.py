"""By which columns the sources of a warehouse tell rows apart, in the words of what was agreed with a provider."""

from collections.abc import Mapping

from nexus.kernel.errors import Invalid
from nexus.warehouse.building.form import TABULAR
from nexus.warehouse.building.forms import form_of
from nexus.warehouse.intake.agreement import Agreement


def row_keys(provider: str, agreement: Agreement) -> Mapping[str, tuple[str, ...]]:
    """The port `intake.ports.RowKeys`: by agreed table that a warehouse reads. Raises Invalid where no changes can be told."""
    form = form_of(provider, agreement)
    if form.source.table(form.people).resource or any(table.kind not in TABULAR for table in agreement.tables):
        raise Invalid("changes are not told of resources of FHIR", code="building.changes")
    found = {}
    for table in agreement.tables:
        named = {column.name.lower(): column.name for column in table.columns}
        for known in form.tables(table):
            if missing := [name for name in known.row if name not in named]:
                raise Invalid(f"table {table.name} was agreed without its key {missing[0]}", code="building.changes")
            found[table.name] = tuple(named[name] for name in known.row)
    if not any(found.values()):
        raise Invalid(f"no table of {form.source.title} has keys of its rows", code="building.changes")
    return found
