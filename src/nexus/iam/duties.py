"""Duties that one person does not hold together. Pure.

Two rules hold apart what belongs apart: granting one role to a holder of the other is refused (`conflict_with`), and where
both are held all the same, Cedar forbids (`policy/duties.cedar` on the same data, always; `policy/conditions.cedar` for the
duties of the platform, where the setting `separate_duties` says so). The founding alone gives conflicting duties of the platform:
two persons cannot part them. docs/explanation/authorisation.md has the table.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from nexus.iam.model import PLATFORM_SCOPE, Role
from nexus.kernel.errors import Conflict


@dataclass(frozen=True, slots=True)
class Duties:
    """Two roles that conflict. `same_data`: only where they are held on the same data."""

    one: Role
    other: Role
    why: str
    same_data: bool = False

    @property
    def roles(self) -> frozenset[Role]:
        """Both."""
        return frozenset({self.one, self.other})


OPERATOR, OFFICER, CUSTODIAN = Role.PLATFORM_OPERATOR, Role.SECURITY_OFFICER, Role.KEY_CUSTODIAN
AUDITOR, DPO, STEWARD = Role.AUDITOR, Role.DATA_PROTECTION_OFFICER, Role.DATA_STEWARD
DESK = Role.REIDENTIFICATION_DESK

CONFLICTS: Final = (
    Duties(OPERATOR, OFFICER, "who runs the machines gives no rights on them"),
    Duties(OPERATOR, CUSTODIAN, "who holds the disks does not hold the keys"),
    Duties(OPERATOR, AUDITOR, "who is looked at does not look"),
    Duties(OPERATOR, DPO, "who runs the processing does not judge it (GDPR, article 38)"),
    Duties(OFFICER, CUSTODIAN, "who gives rights to persons has no power over keys, and approves their export"),
    Duties(OFFICER, AUDITOR, "who is looked at does not look, and does not configure the log with herself"),
    Duties(OFFICER, DPO, "who asks for an erasure does not approve it; independence (GDPR, article 38)"),
    Duties(OFFICER, STEWARD, "who asks for the end of a retention does not approve it"),
    Duties(CUSTODIAN, AUDITOR, "who is looked at does not look"),
    Duties(DPO, STEWARD, "who decides on the processing does not judge it (GDPR, article 38)"),
    Duties(DPO, Role.CONSENT_DESK, "who records what patients decided does not judge the records"),
    Duties(DESK, OPERATOR, "who says who somebody is does not run the machines"),
    Duties(DESK, OFFICER, "who asks who somebody is does not approve it, in an emergency neither"),
    Duties(DESK, CUSTODIAN, "who goes back to persons does not hold the secrets that keep others from it"),
    Duties(DESK, AUDITOR, "who is looked at does not look"),
    Duties(DESK, DPO, "who asks who somebody is does not approve it"),
    Duties(DESK, STEWARD, "who reads data does not learn whose they are"),
    Duties(DESK, Role.RESEARCHER, "who reads data does not learn whose they are"),
    Duties(DESK, Role.OUTPUT_CHECKER, "who reads results does not learn whose they are"),
    Duties(Role.RESEARCHER, Role.OUTPUT_CHECKER, "nobody checks his own results", same_data=True),
    Duties(STEWARD, Role.OUTPUT_CHECKER, "nobody checks what he has prepared", same_data=True),
)


def conflict_with(role: Role, scope: str, held: Iterable[tuple[Role, str]]) -> Duties | None:
    """The conflict that a role in a scope has with rights held, or None.

    Of two scopes that are neither the same nor the platform, nobody can say yet whether they share data: there it is
    Cedar that forbids, once both reach the same bucket.
    """
    for other, where in held:
        for duties in CONFLICTS:
            together = where == scope or PLATFORM_SCOPE in {where, scope} or not duties.same_data
            if duties.roles == {role, other} and together:
                return duties
    return None


def require_no_conflict(role: Role, scope: str, held: Iterable[tuple[Role, str]]) -> None:
    """Raise Conflict if a role must not be held beside these rights."""
    if found := conflict_with(role, scope, held):
        other = found.other if found.one is role else found.one
        raise Conflict(
            f"{role.value} and {other.value} are not held by one person: {found.why}",
            code="iam.conflicting-duties",
            hint="take the other role away first, or give this one to somebody else",
        )


def conflicts_among(held: Iterable[tuple[Role, str]]) -> list[Duties]:
    """Every conflict among rights held."""
    rights = list(held)
    found = {
        duties for n, (role, scope) in enumerate(rights) if (duties := conflict_with(role, scope, rights[n + 1 :]))
    }
    return sorted(found, key=CONFLICTS.index)
