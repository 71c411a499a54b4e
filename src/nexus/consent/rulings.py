"""The answer to a question, out of the store: what every door that reads data of subjects asks inside its own transaction."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from nexus.consent import store
from nexus.consent.extent import extent
from nexus.consent.model import COVERED, MAX_SUBJECTS, Extent, LegalBasis, Question, Reason, Ruling
from nexus.consent.ports import Projects
from nexus.consent.rules import CONSENT_ONLY, Bases, decide
from nexus.iam.model import SECONDARY_USE
from nexus.kernel.database import Transaction
from nexus.kernel.errors import Invalid

MAX_CHANGES: Final = 1_000
"""Decisions between two versions whose subjects are named one by one."""


class Version(NamedTuple):
    """Of everything that rulings rest on; no number ever falls."""

    decisions: int
    projects: int


class Rulings:
    """Rules by the decisions as of a transaction. Stateless: nothing is remembered between questions."""

    def __init__(self, bases: Bases = CONSENT_ONLY, projects: Projects | None = None) -> None:
        """`bases`: of what is done outside of projects. `projects`: what each project rests on; one that is unknown, or not
        open, rests on consent."""
        self._bases = bases
        self._projects = projects

    def of(self, tx: Transaction, question: Question) -> Mapping[str, Ruling]:
        """The ruling for each subject of a question. Raises Invalid on more than MAX_SUBJECTS of them.

        Who asks and then reads must do both in one transaction, or compare `version` before each use of the answer.
        """
        if len(question.subjects) > MAX_SUBJECTS:
            raise Invalid(f"a question names {MAX_SUBJECTS} subjects at most", code="consent.subjects")
        if question.purpose not in COVERED:
            return dict.fromkeys(question.subjects, Ruling(False, Reason.PURPOSE))
        bases = self._bases_for(tx, question.recipient.project)
        found = store.histories(tx, question.subjects)
        silent = [subject for subject in question.subjects if subject not in found]
        known = store.known(tx, silent) if silent and question.purpose in SECONDARY_USE else frozenset(silent)
        return {
            subject: decide(question, found.get(subject, ()), bases)
            if subject in found or subject in known
            else Ruling(False, Reason.UNKNOWN_SUBJECT)
            for subject in question.subjects
        }

    def version(self, tx: Transaction) -> Version:
        """That of all decisions, and of all projects; each rises in the commit of a change. A ruling of a registered subject
        holds for one version, and for the moment of its question.
        """
        return Version(store.version(tx), self._projects.version(tx) if self._projects else 0)

    def changed(self, tx: Transaction, since: Version, now: Version) -> frozenset[str] | None:
        """The subjects who decided between two versions; None if anything else changed, or too many did."""
        if since.projects != now.projects or now.decisions - since.decisions > MAX_CHANGES:
            return None
        deciders = store.deciders(tx, since.decisions, now.decisions)
        return frozenset(deciders) if len(deciders) == now.decisions - since.decisions else None

    def extent(self, tx: Transaction, question: Question) -> Extent:
        """How far a purpose is allowed of the data of one subject."""
        (subject,) = question.subjects
        return extent(question, store.history(tx, subject), lambda project: self._bases_for(tx, project))

    def _bases_for(self, tx: Transaction, project: str) -> Bases:
        if not project or self._projects is None:
            return self._bases
        return Bases(by_project={project: self._projects.basis(tx, project) or LegalBasis.CONSENT})
