"""Who is who in all extracts, and under which pseudonym of the warehouse. In memory: nothing of it reaches a disk."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from nexus.kernel.errors import NexusError
from nexus.pseudonyms.identity import Sex, birth_traits
from nexus.pseudonyms.messages import Given, NirGiven, RecordGiven, TraitsGiven
from nexus.warehouse.building import composing
from nexus.warehouse.building.composing import Standing
from nexus.warehouse.building.fhir_form import DIVIDER
from nexus.warehouse.building.form import Form
from nexus.warehouse.building.model import Extract
from nexus.warehouse.building.ports import Contents, Decisions, Pseudonyms
from nexus.warehouse.linkage.linking import Identifying, Linked, Local, link_held
from nexus.warehouse.linkage.records import Told

_WAITING: Final = "78"
"""First characters of numbers of waiting: somebody has one before the own."""
_RECORD: Final = "id"
"""What linkage calls the number of a hospital's record."""
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Naming:
    """What a provider's numbers of persons become."""

    pseudonyms: Mapping[str, str] = field(repr=False)
    """By the provider's own number. Who is not in it has none."""
    known: frozenset[str] = field(repr=False)
    """Every number that the provider's table of persons has."""


@dataclass(frozen=True, slots=True)
class People:
    """Everybody of a build."""

    naming: Mapping[str, Naming]
    """By provider."""
    excluded: tuple[str, ...] = field(repr=False)
    """Pseudonyms of those of whom nothing may be converted."""
    subjects: tuple[tuple[str, str], ...] = field(repr=False)
    """Pseudonym, and a name by which consent knows her."""
    linked: Linked = field(repr=False)
    nobody: int
    state: str

    @property
    def persons(self) -> int:
        """Who has a pseudonym and is not excluded."""
        everybody = {one for naming in self.naming.values() for one in naming.pseudonyms.values()}
        return len(everybody.difference(self.excluded))


@dataclass(frozen=True, slots=True, repr=False)
class _Standing:
    """Somebody with the identity that stands for her. `group`: whom linkage holds her records for, by place."""

    records: Sequence[Local]
    identity: Given
    group: int


class Identities:
    """Finds out who is who."""

    def __init__(self, contents: Contents, pseudonyms: Pseudonyms, decisions: Decisions, progress: Progress) -> None:
        self._contents = contents
        self._pseudonyms = pseudonyms
        self._decisions = decisions
        self._progress = progress

    def find(self, extracts: Sequence[Extract], standing: Mapping[str, Standing]) -> People:
        """Raises Conflict where this platform makes no pseudonyms, or decisions change meanwhile. `standing`: by provider."""
        state = self._decisions.state()
        tables = {extract.provider: self._table(extract, standing[extract.provider]) for extract in extracts}
        self._progress("link", 0, 0)
        denied = {e.provider: _contradicted(e.form, tables[e.provider]) for e in extracts}
        told = [
            Told(e.provider, e.form.hospital, _for_linkage(e.form, tables[e.provider], denied[e.provider]))
            for e in extracts
        ]
        linked, records = link_held(told)
        chosen = list(_identified(linked, records))
        subjects = self._subjects(extracts, tables, chosen)
        made = self._named([(one.identity, subjects.get(place, ())) for place, one in enumerate(chosen)])
        refusing = set(self._decisions.refusing({one for some in subjects.values() for one in some}))
        refused = {chosen[place].group for place, some in subjects.items() if refusing.intersection(some)}
        return People(
            naming={e.provider: _naming(e, tables[e.provider], chosen, made) for e in extracts},
            excluded=tuple(sorted(made[place] for place in _left_out(chosen, refused, linked))),
            subjects=tuple(sorted((made[place], one) for place, some in subjects.items() for one in some)),
            linked=linked,
            nobody=sum(map(len, denied.values())),
            state=state,
        )

    def _table(self, extract: Extract, standing: Standing) -> pa.Table:
        """The persons of an extract, as its provider tells them."""
        wanted = extract.form.of_people
        found = []
        for file in extract.of_people():
            self._progress(f"who is in {extract.provider}", 0, 0)
            found += list(composing.people(standing, self._contents, extract, file))
        table = (
            pa.Table.from_batches(found) if found else pa.table({name: pa.array([], pa.string()) for name in wanted})
        )
        for name in wanted:
            if name not in table.column_names:
                table = table.append_column(name, pa.nulls(table.num_rows, pa.string()))
        return table

    def _subjects(
        self,
        extracts: Sequence[Extract],
        tables: Mapping[str, pa.Table],
        chosen: Sequence[_Standing],
    ) -> dict[int, tuple[str, ...]]:
        """By which names consent knows those whom it knows: a site's own number is what it registers its patients by."""
        place_of = {local: place for place, one in enumerate(chosen) for local in one.records}
        found: dict[int, set[str]] = {}
        for extract in extracts:
            known_as = _site_numbers(extract.form, tables[extract.provider])
            for number, subject in self._decisions.subjects(extract.site, list(known_as)).items():
                for local in known_as[number]:
                    if (place := place_of.get((extract.provider, local))) is not None:
                        found.setdefault(place, set()).add(subject)
        return {place: tuple(sorted(some)) for place, some in found.items()}

    def _named(self, people: Sequence[tuple[Given, Sequence[str]]]) -> Sequence[str]:
        """A pseudonym for each; the first level learns every name by which consent knows her, so that she sees who asks."""
        self._progress("pseudonyms", 0, 0)
        asked = [msgspec.structs.replace(identity, subject=names[0] if names else "") for identity, names in people]
        more = [msgspec.structs.replace(identity, subject=name) for identity, names in people for name in names[1:]]
        return self._pseudonyms.of([*asked, *more])[: len(asked)]


def record_names(table: pa.Table | pa.RecordBatch, columns: Sequence[str]) -> pa.Array:
    """What a row calls its record: the values of these columns, joined; empty where all are."""
    parts = [pc.fill_null(table.column(name), "") for name in columns]
    joined = pc.binary_join_element_wise(*parts, "/") if len(parts) > 1 else parts[0]
    empty = pc.equal(joined, "/" * (len(parts) - 1))
    return pc.if_else(empty, "", joined)


def _site_numbers(form: Form, table: pa.Table) -> Mapping[str, set[str]]:
    """By each number that a site may have registered somebody by: which records have it."""
    names = record_names(table, form.record).to_pylist()
    numbers = table.column(form.numbers).to_pylist() if form.numbers else names
    found: dict[str, set[str]] = {}
    for name, some in zip(names, numbers, strict=True):
        for number in filter(None, (some or "").split(DIVIDER) if form.numbers else (some,)):
            found.setdefault(number, set()).add(name)
    return found


def _contradicted(form: Form, table: pa.Table) -> set[str]:
    """Records of which two rows tell of two people: nobody can say about whom of them a row elsewhere is."""
    names = record_names(table, form.record).to_pylist()
    contradicted: set[str] = set()
    for column in form.telling:
        told: dict[str, str] = {}
        for name, value in zip(names, table.column(column).to_pylist(), strict=True):
            if name and value and told.setdefault(name, value) != value:
                contradicted.add(name)
    return contradicted


def _for_linkage(form: Form, table: pa.Table, denied: set[str]) -> pa.Table:
    """Without rows that name no record, or one that is denied, and without a NULL in what names one."""
    names = record_names(table, form.record)
    for name in form.record:
        place = table.column_names.index(name)
        table = table.set_column(place, name, pc.fill_null(table.column(name), ""))
    if form.hospital and _RECORD not in form.record:
        table = table.append_column(_RECORD, names)
    left_out = pa.array(sorted({"", *denied}), pa.string())
    return table.filter(pc.invert(pc.is_in(names, left_out)))


def _identified(linked: Linked, records: Mapping[Local, Identifying]) -> Iterator[_Standing]:
    """Each person with the identity that stands for her: one that no other person has.

    Who has none is as many as she has records: each is what its provider calls it, and nobody else, whatever linkage holds likely.
    """
    candidates = [_candidates([records[local] for local in group]) for group in linked.persons]
    shared = Counter(identity for some in candidates for identity in set(some))
    for place, (group, some) in enumerate(zip(linked.persons, candidates, strict=True)):
        own = next((identity for identity in some if shared[identity] == 1), None)
        if own is not None:
            yield _Standing(group, own, place)
        else:
            yield from (_Standing([(source, local)], RecordGiven(source, local), place) for source, local in group)


def _left_out(chosen: Sequence[_Standing], refused: set[int], linked: Linked) -> set[int]:
    """Who refused, with every record that linkage holds for hers; and whom nothing but a record stands for, where a pair
    that somebody should judge says that she may be one who refused."""
    group_of = {local: one.group for one in chosen for local in one.records}
    pairs = [(group_of[left], group_of[right]) for left, right, _, _ in linked.reviews]
    perhaps = {one for pair in pairs for one, other in (pair, pair[::-1]) if other in refused}
    return {
        place
        for place, one in enumerate(chosen)
        if one.group in refused or (one.group in perhaps and isinstance(one.identity, RecordGiven))
    }


def _candidates(records: Iterable[Identifying]) -> list[Given]:
    """A person's identities, the surest first: own numbers, numbers of waiting, traits at birth."""
    numbers = sorted({one.number for one in records if one.number}, key=lambda one: (one[0] in _WAITING, one))
    traits = sorted({one for each in records if (one := _traits(each)) is not None}, key=msgspec.structs.astuple)
    return [*map(NirGiven, numbers), *traits]


def _traits(one: Identifying) -> TraitsGiven | None:
    if not (one.family and one.given and one.born and one.sex and one.place):
        return None
    sex, rank = Sex(str(one.sex)), one.rank or 1
    try:
        birth_traits(one.family, one.given, one.born, sex, one.place, twin_rank=rank)
    except NexusError:
        return None
    return TraitsGiven(one.family, one.given, one.born, sex, one.place.strip().upper(), rank)


def _naming(extract: Extract, table: pa.Table, chosen: Sequence[_Standing], made: Sequence[str]) -> Naming:
    mine = {
        local: pseudonym
        for one, pseudonym in zip(chosen, made, strict=True)
        for source, local in one.records
        if source == extract.provider
    }
    names = record_names(table, extract.form.record).to_pylist()
    known = frozenset(names)
    if extract.form.also:
        others = pc.fill_null(table.column(extract.form.also), "").to_pylist()
        for name, other in zip(names, others, strict=True):
            if other and other not in known and name in mine:
                mine.setdefault(other, mine[name])
    return Naming(mine, known)
