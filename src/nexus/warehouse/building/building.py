"""A whole build: who is who, files without identifiers, the CDM made or refreshed, the quality gate. Each step is resumed.

1. Decisions and deliveries are those of the CDM that stands: nothing is done.
2. What changes say is read, and everybody who stands is linked, named and asked about, in memory.
3. Each file is written once, with pseudonyms in the place of identifiers, below `deliveries/` of the warehouse.
4. They are converted, or the CDM is refreshed with them (`omop.converting`, `omop.refreshing`, which resume by themselves).
5. The quality gate runs, and its run is kept beside the CDM.
6. What was built is told, and written down last; the files of 3 are removed.
"""

import hashlib
import hmac
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from nexus.kernel.clock import Instant
from nexus.kernel.errors import Conflict
from nexus.kernel.secret import Secret
from nexus.warehouse.building.composing import Standing, compose
from nexus.warehouse.building.forms import FORMS
from nexus.warehouse.building.identities import Identities, People, Progress
from nexus.warehouse.building.model import (
    Built,
    Changes,
    Delivered,
    Extract,
    File,
    changes_alone,
    digest,
    nothing_accepted,
)
from nexus.warehouse.building.ports import Contents, Decisions, Pseudonyms
from nexus.warehouse.building.rewriting import Rewriting, lost
from nexus.warehouse.omop.converting import Converter, Settings
from nexus.warehouse.omop.duckdb_engine import DuckdbEngine
from nexus.warehouse.omop.layout import Layout
from nexus.warehouse.omop.refreshing import Refresher
from nexus.warehouse.omop.source import Source
from nexus.warehouse.omop.steps import Steps
from nexus.warehouse.omop.together import together
from nexus.warehouse.quality import gate, results
from nexus.warehouse.quality.cdm import open_cdm
from nexus.warehouse.quality.results import State

REPORT: Final = "build.json"
DELIVERIES: Final = "deliveries"
_UNDER_WAY: Final = "building.json"
_KEYS, _NAMES = b"nexus/warehouse/keys/1", b"nexus/warehouse/names/1"
Tell = Callable[[Built, People], None]


@dataclass(frozen=True, slots=True)
class Resources:
    """What an engine may use. `threads`: None for all of the machine."""

    memory: str
    threads: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What a build is made by, besides the deliveries."""

    layout: Layout
    settings: Settings
    """`as_of` is that of the newest delivery, and `excluded` that of the decisions, whatever they are here."""
    key: Secret = field(repr=False)
    """Of 32 bytes; keys of records and names of things follow from it."""
    domain: str
    """Of the warehouse's pseudonyms."""
    resources: Resources
    now: Callable[[], Instant]
    again: bool = False
    """Whether to build although nothing has changed."""
    smaller: bool = False
    """Whether a provider may have delivered less than half of the persons that it delivered before."""


class _UnderWay(msgspec.Struct, frozen=True):
    digest: str
    began: str
    converted: bool = False


@dataclass(frozen=True, slots=True)
class _Excluded:
    """The port `omop.ports.Excluded`: by pseudonym."""

    names: tuple[str, ...] = field(repr=False)

    def persons(self) -> tuple[str, ...]:
        return self.names


class Building:
    """One build of one warehouse; there is one at a time."""

    def __init__(
        self,
        plan: Plan,
        *,
        contents: Contents,
        pseudonyms: Pseudonyms,
        decisions: Decisions,
        tell: Tell,
        progress: Progress = lambda step, done, total: None,
    ) -> None:
        """`tell` records what was built, before it is written down."""
        self._plan, self._layout = plan, plan.layout
        self._contents, self._pseudonyms, self._decisions = contents, pseudonyms, decisions
        self._tell, self._progress = tell, progress

    def run(self, extracts: Sequence[Extract]) -> Built:
        """Raises Conflict, Invalid, NotFound, Damaged, Sealed, Unavailable; run again, it goes on where it was."""
        if not extracts:
            raise nothing_accepted()
        _require_no_changes(extracts)
        wanted = self._wanted(extracts, self._decisions.state())
        before = self.last()
        if before is not None and before.digest == wanted and not self._plan.again:
            return msgspec.structs.replace(before, began="nothing")
        identities = Identities(self._contents, self._pseudonyms, self._decisions, self._progress)
        standing = {extract.provider: compose(self._contents, extract) for extract in extracts}
        people = identities.find(extracts, standing)
        if before is not None and not self._plan.smaller:
            _require_whole(before, extracts, people)
        wanted = self._wanted(extracts, people.state)
        made = self._digest_of(extracts, people)
        staged = self._stage(extracts, people, standing, made)
        under_way = self._convert(extracts, people, staged, made)
        failed = self._check()
        changes = {one.provider: _changes(one, standing[one.provider], staged) for one in extracts if one.chain}
        delivered = tuple(_delivered(extract, people, changes.get(extract.provider)) for extract in extracts)
        built = self._built(delivered, people, wanted, under_way, failed)
        self._tell(built, people)
        _write(self._layout.into / REPORT, msgspec.json.format(msgspec.json.encode(built), indent=1))
        (self._layout.into / _UNDER_WAY).unlink(missing_ok=True)
        shutil.rmtree(self._layout.into / DELIVERIES, ignore_errors=True)
        return built

    def last(self) -> Built | None:
        """What the CDM that stands was built from."""
        path = self._layout.into / REPORT
        return msgspec.json.decode(path.read_bytes(), type=Built) if path.exists() else None

    def _wanted(self, extracts: Sequence[Extract], state: str) -> str:
        settings = self._settings(extracts, ())
        return digest(extracts, self._plan.domain, state, repr(sorted(settings.fixed.items())))

    def _digest_of(self, extracts: Sequence[Extract], people: People) -> str:
        """Tells two sets of rewritten files apart, and nobody in them."""
        parts = [
            f"{provider}\x1f{local}\x1f{pseudonym}"
            for provider, naming in sorted(people.naming.items())
            for local, pseudonym in sorted(naming.pseudonyms.items())
        ]
        named = hmac.digest(self._derived(_NAMES).reveal(), "\x1e".join(parts).encode(), hashlib.sha256).hex()
        settings = self._settings(extracts, people.excluded)
        return digest(extracts, named, *people.excluded, repr(sorted(settings.fixed.items())))[:32]

    def _settings(self, extracts: Sequence[Extract], excluded: tuple[str, ...]) -> Settings:
        return replace(
            self._plan.settings,
            as_of=max(extract.until for extract in extracts),
            excluded=_Excluded(excluded),
            smaller=True,  # each provider was looked at (`_require_whole`), and whoever objects may leave
        )

    def _derived(self, label: bytes) -> Secret:
        return Secret(hmac.digest(self._plan.key.reveal(), label, hashlib.sha256))

    # 3

    def _stage(self, extracts: Sequence[Extract], people: People, standing: Mapping[str, Standing], made: str) -> Path:
        """The files with pseudonyms; what an earlier, other build has left is removed."""
        into = self._layout.into / DELIVERIES / made
        into.mkdir(mode=0o700, parents=True, exist_ok=True)
        for other in into.parent.iterdir():
            if other != into:
                shutil.rmtree(other)
        total = sum(file.said.rows for extract in extracts for file in extract.files if file.of)
        done = 0
        for extract in extracts:
            naming, stands = people.naming[extract.provider], standing[extract.provider]
            rewriting = Rewriting(self._contents, extract, naming, self._derived(_NAMES), standing=stands)
            for file in extract.files:
                if not file.of:
                    continue
                folder = into / extract.provider / _place(extract, file)
                if not folder.exists():
                    rewriting.write(file, folder, partial(self._told, extract, done, total))
                done += file.said.rows
        return into

    def _told(self, extract: Extract, before: int, total: int, rows: int) -> None:
        self._progress(f"read {extract.provider}", before + rows, total)

    # 4

    def _convert(self, extracts: Sequence[Extract], people: People, staged: Path, made: str) -> _UnderWay:
        layout, path = self._layout, self._layout.into / _UNDER_WAY
        under_way = msgspec.json.decode(path.read_bytes(), type=_UnderWay) if path.exists() else None
        if under_way is None or under_way.digest != made:
            self._give_up_unfinished()
            under_way = _UnderWay(made, "refresh" if layout.report.exists() else "new")
            _write(path, msgspec.json.encode(under_way))
        if under_way.converted:
            return under_way
        source = together([form.source for form in FORMS if any(extract.form is form for extract in extracts)])
        self._run_engine(
            source, self._settings(extracts, people.excluded), staged, refresh=under_way.began == "refresh"
        )
        under_way = msgspec.structs.replace(under_way, converted=True)
        _write(path, msgspec.json.encode(under_way))
        return under_way

    def _run_engine(self, source: Source, settings: Settings, staged: Path, *, refresh: bool) -> None:
        layout, resources = self._layout, self._plan.resources
        layout.work.mkdir(mode=0o700, parents=True, exist_ok=True)
        keys = self._derived(_KEYS)
        local = DuckdbEngine(layout.work, keys, memory=resources.memory, threads=resources.threads)
        try:
            if refresh:
                Refresher(source, layout, settings, local=local, progress=self._progress).run(staged)
            elif not layout.report.exists():
                Converter(source, layout, settings, engine=local, local=local, progress=self._progress).run(staged)
        finally:
            local.close()
            if refresh or layout.report.exists():
                shutil.rmtree(layout.work, ignore_errors=True)

    def _give_up_unfinished(self) -> None:
        """What another build began: a conversion that never stood, a refresh that was not merged."""
        layout = self._layout
        if not layout.report.exists():
            layout.clear()
        elif Steps(Layout(layout.refresh).work / "done").counted("merged") is None:
            shutil.rmtree(layout.refresh, ignore_errors=True)

    # 5 and 6

    def _check(self) -> dict[str, int]:
        with open_cdm(
            self._layout.cdm, memory=self._plan.resources.memory, threads=self._plan.resources.threads
        ) as cdm:
            run = gate.run(cdm, "warehouse", self._plan.now(), self._progress)
        _write(self._layout.quality, results.encode(run))
        failed: dict[str, int] = {}
        for result in run.results:
            if result.state is State.FAILED:
                failed[result.severity.value] = failed.get(result.severity.value, 0) + 1
        return failed

    def _built(
        self,
        delivered: tuple[Delivered, ...],
        people: People,
        wanted: str,
        under_way: _UnderWay,
        failed: dict[str, int],
    ) -> Built:
        report = msgspec.json.decode(self._layout.report.read_bytes())
        linkage = people.linked.report
        return Built(
            digest=wanted,
            began=under_way.began,
            deliveries=delivered,
            records=linkage.records,
            persons=people.persons,
            linked=linkage.by_rule,
            for_review=sum(linkage.for_review.values()),
            nobody=people.nobody,
            excluded=len(people.excluded),
            tables={name: rows for name, rows in report["tables"].items() if rows},
            failed=failed,
            state=people.state,
        )


def _place(extract: Extract, file: File) -> str:
    """Where a file is written, which is what provenance names; those of changes say of which delivery."""
    return f"{file.number:04}" if not file.link else f"delivery-{extract.delivery(file):06}/{file.number:04}"


def _changes(extract: Extract, standing: Standing, staged: Path) -> Changes:
    found = lost(staged / extract.provider)
    return Changes(
        told=sum(file.said.rows for file in extract.files if file.link and file.of),
        gone=found.rows,
        removed=len(found.removed),
        unknown=len(standing.removed) - len(found.removed),
    )


def _delivered(extract: Extract, people: People, changes: Changes | None = None) -> Delivered:
    return Delivered(
        provider=extract.provider,
        source=extract.form.source.name,
        number=extract.number,
        files=len(extract.files),
        records=len(people.naming[extract.provider].known - {""}),
        chain=extract.chain,
        changes=changes,
    )


def _require_no_changes(extracts: Sequence[Extract]) -> None:
    """A delivery that says what is to go, and not what it follows: read as a whole one, it would take everybody else away."""
    for extract in extracts:
        if any(file.removes and not file.link for file in extract.files):
            raise changes_alone(extract.provider)


def _require_whole(before: Built, extracts: Sequence[Extract], people: People) -> None:
    """A delivery of one month, or cut short, reads as if everybody else had left: that is never applied unasked."""
    stood = {delivered.provider: delivered.records for delivered in before.deliveries}
    for now in (_delivered(extract, people) for extract in extracts):
        if 2 * now.records < stood.get(now.provider, 0):
            raise Conflict(
                f"{now.provider} delivered {now.records:,} persons, after {stood[now.provider]:,} before",
                code="building.smaller",
                hint="a delivery is a whole extract: have it delivered whole, or allow it to be smaller (--smaller)",
            )


def _write(path: Path, content: bytes) -> None:
    new = path.with_name(f".{path.name}.new")
    new.write_bytes(content)
    new.chmod(0o600)
    new.replace(path)
