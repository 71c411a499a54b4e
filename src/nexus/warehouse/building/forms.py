"""What is known of the tables of each source: who is in them, and which of their columns must not stay as they are."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from nexus.kernel.errors import Invalid
from nexus.warehouse.intake.agreement import Agreement, FileKind
from nexus.warehouse.omop.source import Source, SourceTable
from nexus.warehouse.omop.sources.snds import SNDS
from nexus.warehouse.omop.sources.synthea import SYNTHEA


@dataclass(frozen=True, slots=True)
class OfPerson:
    """A column that names a person becomes her pseudonym. `by`: the columns whose values tell which record it is, joined by /."""

    by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OfThing:
    """A column that names a thing of this kind becomes a keyed name, the same in every table of the provider."""

    kind: str


Cell = OfPerson | OfThing


@dataclass(frozen=True, slots=True)
class Form:
    """One source. `people`: its table of persons; `record`: the columns that name a record there."""

    source: Source
    people: str
    record: tuple[str, ...]
    identity: tuple[str, ...]
    """Columns of that table that linkage reads, besides those of `record`."""
    cells: Mapping[tuple[str, str], Cell]
    """Of (table, column): what becomes of it."""
    also: str = ""
    """Another column of that table by which others name a person."""

    def table(self, name: str) -> SourceTable | None:
        """The table of the source that an agreed table of this name is."""
        fitting = (table for table in self.source.tables if _is_of(name, table))
        return next(fitting, None)


def _is_of(name: str, table: SourceTable) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in (table.name, *table.files))


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
)
FORMS: Final = (HOSPITAL, CLAIMS)
"""In this order: what a hospital tells of a person is more than what the claims base tells."""


def form_of(provider: str, agreement: Agreement) -> Form:
    """The form of what a provider delivers, by the tables that were agreed. Raises Invalid where none fits."""
    for form in FORMS:
        if _fits(form, agreement):
            return form
    raise Invalid(
        f"what {provider} delivers is in no form that a warehouse is built from",
        code="building.form",
        hint=f"CSV or Parquet, with the tables and columns of {' or '.join(form.source.title for form in FORMS)}",
    )


def _fits(form: Form, agreement: Agreement) -> bool:
    wanted = set(form.source.table(form.people).columns)
    return any(
        table.name == form.people
        and table.kind in (FileKind.CSV, FileKind.PARQUET)
        and wanted <= set(lowered(column.name for column in table.columns))
        for table in agreement.tables
    )


def lowered(names: Iterable[str]) -> list[str]:
    """Names of columns as sources are declared."""
    return [name.lower() for name in names]
