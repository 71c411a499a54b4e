"""The forms that a warehouse is built from, and which of them a provider's deliveries have."""

from collections.abc import Iterable
from typing import Final

from nexus.kernel.errors import Invalid
from nexus.warehouse.building.fhir_form import RESOURCES
from nexus.warehouse.building.form import TABULAR, Cell, Form, LeftOut, OfPerson, OfThing
from nexus.warehouse.building.mimic_form import INTENSIVE_CARE
from nexus.warehouse.intake.agreement import Agreement
from nexus.warehouse.omop.sources.snds import SNDS
from nexus.warehouse.omop.sources.synthea import SYNTHEA


def _hospital() -> Form:
    things = {"encounter": "encounter", "organization": "organization", "provider": "provider", "udi": "device"}
    own = {"encounters": "encounter", "organizations": "organization", "providers": "provider", "careplans": "plan"}
    cells: dict[tuple[str, str], Cell] = {
        (table.name, column): OfThing(kind)
        for table in SYNTHEA.tables
        for column, kind in things.items()
        if column in table.every_column
    }
    cells |= {(table, "id"): OfThing(kind) for table, kind in own.items()}
    cells |= {("imaging_studies", column): OfThing("image") for column in ("id", "series_uid", "instance_uid")}
    cells["providers", "name"] = LeftOut()
    cells |= {(table.name, table.person): OfPerson((table.person,)) for table in SYNTHEA.tables if table.person}
    identity = ("ssn", "gender", "birthdate", "first", "last", "maiden", "birthplace", "birth_rank")
    return Form(SYNTHEA, "patients", ("id",), identity, cells)


HOSPITAL: Final = _hospital()
CLAIMS: Final = Form(
    SNDS,
    "ir_ben_r",
    ("ben_nir_psa", "ben_rng_gem"),
    ("ben_nir_ano", "ben_sex_cod", "ben_nai_ann", "ben_nai_moi"),
    {
        ("ir_ben_r", "ben_idt_ano"): OfPerson(("ben_nir_psa", "ben_rng_gem")),
        ("ki_cci_r", "ben_idt_ano"): OfPerson(("ben_idt_ano",)),
        ("ir_ben_r", "ben_nir_psa"): OfThing("insured"),
        ("er_prs_f", "ben_nir_psa"): OfThing("insured"),
        ("t_mcoaac", "nir_ano_17"): OfThing("insured"),
    },
    also="ben_idt_ano",
    telling=("ben_nir_ano",),
    hospital=False,
)
FORMS: Final = (HOSPITAL, RESOURCES, INTENSIVE_CARE, CLAIMS)
"""In this order: what a hospital tells of a person is more than what the claims base tells."""


def form_of(provider: str, agreement: Agreement) -> Form:
    """The form of what a provider delivers, by the tables that were agreed. Raises Invalid where none fits."""
    for form in FORMS:
        if _fits(form, agreement):
            return form
    raise Invalid(
        f"what {provider} delivers is in no form that a warehouse is built from",
        code="building.form",
        hint="FHIR with the resource Patient; or CSV or Parquet, with the tables and columns of "
        + " or ".join(form.source.title for form in FORMS if not form.elements),
    )


def _fits(form: Form, agreement: Agreement) -> bool:
    people = form.source.table(form.people)
    if people.resource:
        return any(table.kind not in TABULAR and people.resource in table.resources for table in agreement.tables)
    wanted = set(people.columns)
    return any(
        form.prefix + table.name == form.people
        and table.kind in TABULAR
        and wanted <= set(lowered(column.name for column in table.columns))
        for table in agreement.tables
    )


def lowered(names: Iterable[str]) -> list[str]:
    """Names of columns as sources are declared."""
    return [name.lower() for name in names]
