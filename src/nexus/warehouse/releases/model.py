"""Releases as the platform keeps them. Frozen values, and the table of what may follow what."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from nexus.kernel.clock import Instant
from nexus.kernel.errors import Conflict, NotFound

SITE: Final = "warehouse"
"""Where the buckets of releases belong: to no hospital, since they hold data of patients of several."""


class ReleaseState(StrEnum):
    """Where a release is in its life."""

    REQUESTED = "requested"
    """To be built, or being built."""
    BUILT = "built"
    """Whole and signed; a second person has the last word."""
    OPEN = "opened"
    """Read by the project's members."""
    RETIRED = "retired"
    """Its key is destroyed: nobody reads it any more."""
    FAILED = "failed"
    """It could not be built; `code` and `message` say why."""


FOLLOWS: Final[Mapping[ReleaseState, frozenset[ReleaseState]]] = {
    ReleaseState.REQUESTED: frozenset({ReleaseState.BUILT, ReleaseState.FAILED, ReleaseState.RETIRED}),
    ReleaseState.BUILT: frozenset({ReleaseState.OPEN, ReleaseState.RETIRED}),
    ReleaseState.OPEN: frozenset({ReleaseState.RETIRED}),
    ReleaseState.RETIRED: frozenset(),
    ReleaseState.FAILED: frozenset(),
}
"""Which states may follow each."""
FOLLOWED: Final = frozenset({ReleaseState.BUILT, ReleaseState.OPEN})
"""Those that a withdrawal reaches: there is something that holds somebody."""


@dataclass(frozen=True, slots=True)
class ReleaseRecord:
    """A release. `bucket`: where its files lie; `digest`: of the manifest that counts now, empty until it is built."""

    id: str
    project: str
    bucket: str
    state: ReleaseState
    key_id: str
    """The key of the key service that wraps the key of its bucket."""
    cohort: str
    """Definition of the cohort (TOML); empty: none."""
    requested_by: str
    requested_at: Instant
    changed_by: str
    changed_at: Instant
    digest: str = ""
    risk: bytes | None = None
    """What was found of small classes, as `risk.encode` writes it."""
    found: bytes | None = None
    """How its cohort was found, as `cohorts.told.encode` writes it; None without a cohort, and in releases before this was kept."""
    code: str = ""
    message: str = ""
    destroyed: bytes | None = None
    """The certificate of its destruction (JSON)."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a build is."""

    step: str
    done: int
    total: int


def bucket_name(project: str, release: str) -> str:
    """The bucket of a release: its project's name, and what tells it from the project's others."""
    return f"{project.rstrip('-')}-{release.rpartition('_')[2][-16:]}"


def no_release() -> NotFound:
    """The project has no such release, or one may not learn that it has."""
    return NotFound("the project has no such release", code="releases.no-release")


def require_follows(was: ReleaseState, state: ReleaseState) -> None:
    """Raises Conflict unless `state` may follow."""
    if state not in FOLLOWS[was]:
        raise Conflict(f"a release that is {was.value} does not become {state.value}", code="releases.state")
