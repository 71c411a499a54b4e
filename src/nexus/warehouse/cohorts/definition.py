"""The definition of a cohort: a TOML file, read into frozen values or refused with the place that is wrong."""

import math
import re
import tomllib
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct, field

from nexus.kernel.errors import Invalid

VERSION: Final = 1
MAX_BYTES: Final = 256 * 1024
MAX_CRITERIA: Final = 64
MAX_RATIO: Final = 20
MAX_DAYS: Final = 40_000
CODE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.\-]{0,31}\*?", re.ASCII)

Name = Annotated[str, Meta(min_length=2, max_length=80)]
Concept = Annotated[int, Meta(ge=1, le=2_147_483_647)]
Days = Annotated[int, Meta(ge=0, le=MAX_DAYS)]
Day = Annotated[int, Meta(ge=-MAX_DAYS, le=MAX_DAYS)]
Times = Annotated[int, Meta(ge=1, le=1_000)]


class Part(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of a definition: no name that is not known here."""


class Kind(StrEnum):
    """What an event is a record of."""

    CONDITION = "condition"
    DRUG = "drug"
    PROCEDURE = "procedure"
    MEASUREMENT = "measurement"
    OBSERVATION = "observation"
    DEVICE = "device"
    VISIT = "visit"
    DEATH = "death"


class Occurrence(StrEnum):
    """Which event of a person is the index event."""

    FIRST = "first"
    """The first that there is; whoever fails a criterion then does not enter later."""
    ANY = "any"
    """The earliest around which every criterion holds."""


class Trait(StrEnum):
    """What a control may have to share with its case."""

    SEX = "sex"
    SITE = "site"
    BIRTH_YEAR = "birth-year"


class Range(Part, frozen=True, kw_only=True):
    """From `min` to `max`, both included; an end that is not said is open."""

    min: float | None = None
    max: float | None = None


class Window(Part, frozen=True, kw_only=True, rename={"start": "from", "end": "to"}):
    """Days relative to the index date, both included; an end that is not said is open."""

    start: Day | None = None
    end: Day | None = None


class Event(Part, frozen=True, kw_only=True):
    """Records of one kind: by standard concept (and what descends from it), or by the code of the source."""

    kind: Kind
    concepts: tuple[Concept, ...] = ()
    descendants: bool = True
    codes: tuple[str, ...] = ()
    """Codes of the source; `I21*` is every code that begins with I21."""
    value: Range | None = None
    """Of a measurement or an observation, in the unit of the record."""
    units: tuple[Concept, ...] = ()
    """Concepts of the units in which `value` is meant; none: whatever the unit."""


class Observed(Part, frozen=True, kw_only=True):
    """Days that a person must have been observed, without a gap, before and after the index date."""

    before: Days = 0
    after: Days = 0


class Criterion(Part, frozen=True, kw_only=True):
    """One thing that must, or must not, be true: exactly one of `event`, `age`, `sex`, `observed`."""

    name: Name
    event: Event | None = None
    window: Window | None = None
    """Of an event; none: at any time."""
    at_least: Times = 1
    """On how many different days."""
    age: Range | None = None
    """Whole years at the index date."""
    sex: tuple[Concept, ...] = ()
    observed: Observed | None = None


class Index(Part, frozen=True, kw_only=True, rename={"first_day": "from", "last_day": "until"}):
    """What makes a person enter."""

    event: Event
    occurrence: Occurrence = Occurrence.FIRST
    at_least: Times = 1
    """The person enters on the day on which so many different days with the event are reached."""
    washout_days: Days = 0
    first_day: date | None = None
    last_day: date | None = None


class Controls(Part, frozen=True, kw_only=True):
    """Who resembles the cases. Without an `index` of their own, controls get the index date of their case."""

    ratio: Annotated[int, Meta(ge=1, le=MAX_RATIO)]
    seed: Annotated[int, Meta(ge=0, le=2**63 - 1)]
    exact: tuple[Trait, ...] = ()
    age_years: Annotated[float, Meta(ge=0, le=120)] | None = None
    index: Index | None = None
    """What makes a person eligible as a control, with an index date of its own; the criteria of cases hold for it too."""
    index_days: Days | None = None
    """How far the index dates of a case and a control may lie apart; needs `index`."""
    follow_up_days: Days | None = None
    """By how many days the observed time after the index date may differ."""
    observed_before: Days = 0
    exclude: tuple[Criterion, ...] = field(default=())
    """What no control may have, at any time; without `index` only."""


class Definition(Part, frozen=True, kw_only=True):
    """A cohort."""

    version: int
    name: Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9-]{1,62}$")]
    title: Annotated[str, Meta(min_length=3, max_length=200)]
    index: Index
    include: tuple[Criterion, ...] = ()
    exclude: tuple[Criterion, ...] = ()
    controls: Controls | None = None
    balance: tuple[Criterion, ...] = ()
    """Events whose share among cases and controls is compared, besides age, sex, site and time."""


def load(path: Path) -> Definition:
    """The definition in a file. Raises Invalid with the place that is wrong."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise Invalid(f"{path} cannot be read: {error.strerror}", code="cli.no-file") from None
    return read(content)


def read(content: bytes) -> Definition:
    """The definition that these bytes hold. Raises Invalid with the place that is wrong."""
    if len(content) > MAX_BYTES:
        raise _wrong(f"a definition has at most {MAX_BYTES // 1024} KiB")
    try:
        document = tomllib.loads(content.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise _wrong(f"it is no TOML: {error}") from None
    try:
        found = msgspec.convert(document, Definition)
    except msgspec.ValidationError as error:
        raise _wrong(str(error).replace("`$`", "the file").replace("$.", "")) from None
    _check(found)
    return found


def _check(found: Definition) -> None:
    """What the types cannot say."""
    if found.version != VERSION:
        raise _wrong(f"version {found.version} is not known; this Nexus reads version {VERSION}")
    _check_index(found.index, "index")
    groups = {"include": found.include, "exclude": found.exclude, "balance": found.balance}
    if found.controls is not None:
        _check_controls(found.controls)
        groups["controls.exclude"] = found.controls.exclude
    if sum(map(len, groups.values())) > MAX_CRITERIA:
        raise _wrong(f"a definition has at most {MAX_CRITERIA} criteria")
    for group, criteria in groups.items():
        for place, criterion in enumerate(criteria):
            _check_criterion(criterion, f"{group}[{place}]", events_only=group in {"balance", "controls.exclude"})
        names = [criterion.name for criterion in criteria]
        if len(set(names)) < len(names):
            raise _wrong(f"{group}: two criteria have the same name")


def _check_index(index: Index, place: str) -> None:
    _check_event(index.event, f"{place}.event")
    if index.first_day is not None and index.last_day is not None and index.first_day > index.last_day:
        raise _wrong(f"{place}: `from` is later than `until`")


def _check_controls(controls: Controls) -> None:
    if controls.age_years is not None and not math.isfinite(controls.age_years):
        raise _wrong("controls.age_years: this is no number")
    if controls.index is not None:
        _check_index(controls.index, "controls.index")
        if controls.exclude:
            raise _wrong("controls.exclude: with `controls.index`, controls are held to the criteria of cases")
    elif controls.index_days is not None:
        raise _wrong("controls.index_days: without `controls.index`, a control has the index date of its case")
    if len(set(controls.exact)) < len(controls.exact):
        raise _wrong("controls.exact: a trait is named twice")
    for place, criterion in enumerate(controls.exclude):
        if criterion.window is not None:
            raise _wrong(f"controls.exclude[{place}].window: before matching a control has no index date")


def _check_criterion(criterion: Criterion, place: str, *, events_only: bool) -> None:
    said = [criterion.event, criterion.age, criterion.observed, criterion.sex or None]
    if sum(part is not None for part in said) != 1:
        raise _wrong(f"{place}: say exactly one of event, age, sex, observed")
    if criterion.event is None:
        if criterion.window is not None or criterion.at_least != 1:
            raise _wrong(f"{place}: window and at_least belong to an event")
        if events_only:
            raise _wrong(f"{place}: only an event can stand here")
    else:
        _check_event(criterion.event, f"{place}.event")
    if criterion.age is not None:
        _check_range(criterion.age, f"{place}.age")
    window = criterion.window
    if window is not None and window.start is not None and window.end is not None and window.start > window.end:
        raise _wrong(f"{place}.window: `from` is later than `to`")


def _check_event(event: Event, place: str) -> None:
    if event.kind is not Kind.DEATH and not event.concepts and not event.codes:
        raise _wrong(f"{place}: say which concepts or codes")
    for number, code in enumerate(event.codes):
        if CODE.fullmatch(code) is None:
            raise _wrong(f"{place}.codes[{number}]: letters, digits, dots and hyphens, perhaps with * at the end")
    if (event.value is not None or event.units) and event.kind not in {Kind.MEASUREMENT, Kind.OBSERVATION}:
        raise _wrong(f"{place}: only measurements and observations have a value")
    if event.value is not None:
        _check_range(event.value, f"{place}.value")


def _check_range(given: Range, place: str) -> None:
    if not all(math.isfinite(end) for end in (given.min, given.max) if end is not None):
        raise _wrong(f"{place}: min and max are numbers")
    if given.min is None and given.max is None:
        raise _wrong(f"{place}: say min, max, or both")
    if given.min is not None and given.max is not None and given.min > given.max:
        raise _wrong(f"{place}: min is greater than max")


def _wrong(what: str) -> Invalid:
    return Invalid(
        f"the definition of the cohort: {what}",
        code="warehouse.cohort-definition",
        hint="docs/how-to/define-a-cohort.md shows every part",
    )
