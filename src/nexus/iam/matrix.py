"""The rights of the roles, computed from the policies: the matrix kept as a golden file, and the reference page.

`python -m nexus.iam.matrix FOLDER` writes both under the project's root folder; tests fail while they are stale.
"""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from nexus.iam.actions import ACTIONS, ROLES, SENSITIVE
from nexus.iam.decisions import Circumstances, Policy, Principal
from nexus.iam.duties import CONFLICTS, Duties
from nexus.iam.model import MACHINE_ROLES, PLATFORM_SCOPE, PRIVILEGED_ROLES, Purpose, Role
from nexus.iam.rules import facts_of
from nexus.iam.tables.action import Action
from nexus.kernel.operation import Resource

MATRIX_FILE = Path("tests/security/authorisation-matrix.md")
REFERENCE_FILE = Path("docs/reference/roles-and-actions.md")
SCOPE = "project:p"
"""Roles of data work are held for this project, privileged roles for the platform; every resource lies in the project."""
ME, OTHER = "per_me", "per_other"
_OF_DIRECTORIES = frozenset(f"iam.directory.{verb}" for verb in ("change", "remove", "assign", "unassign"))
YES, TWO, NO = "yes", "2nd", "·"


@dataclass(frozen=True, slots=True)
class Case:
    """One resource as a role meets it."""

    label: str
    resource: Resource
    purpose: Purpose = Purpose.RESEARCH


def cases(action: Action) -> Iterator[Case]:
    """The resources that an action is tried on: every kind of bucket, one's own and others', every approver role."""
    for kind in action.resource_types:
        yield from _CASES[kind](action)


def _plain(kind: str) -> list[Case]:
    return [Case(kind, Resource(kind, "x", {"project": "p"}))]


def _buckets(action: Action) -> list[Case]:
    kinds = [
        Case(f"Bucket, {kind}", Resource("Bucket", "b", {"project": "p", "kind": kind}))
        for kind in ("standard", "ingress", "export", "release")
    ]
    if action.name.endswith(".read"):
        to_operate = Resource("Bucket", "b", {"project": "p", "kind": "standard"})
        kinds.append(Case("Bucket, standard, purpose operation", to_operate, Purpose.OPERATION))
    return kinds


def _identities(action: Action) -> list[Case]:
    owners = (("somebody else", OTHER, OTHER), ("oneself", ME, OTHER), ("created by oneself", OTHER, ME))
    if action.name in _OF_DIRECTORIES:
        return _directory_persons(owners)
    roles = (
        ("", Role.RESEARCHER, Role.AUDITOR)
        if action.name.startswith(("iam.role.", "iam.access-request.", "iam.review."))
        else ("",)
    )
    return [
        Case(
            f"Identity, {owner}{f', as {role}' if role else ''}",
            Resource(
                "Identity",
                person,
                {"person": person, "created_by": creator, "project": "p", **({"role": str(role)} if role else {})},
            ),
        )
        for role in roles
        for owner, person, creator in owners
    ]


def _directory_persons(owners: Iterable[tuple[str, str, str]]) -> list[Case]:
    """Persons as a directory acts on them: privileged or not, in a group that gives one role or another."""
    kinds = ((Role.RESEARCHER, "no"), (Role.RESEARCHER, "yes"), (Role.DATA_STEWARD, "no"))
    return [
        Case(
            f"Identity, {owner}, {'privileged' if privileged == 'yes' else 'unprivileged'}, as {role}",
            Resource(
                "Identity",
                person,
                {
                    "person": person,
                    "created_by": creator,
                    "project": "p",
                    "role": role.value,
                    "privileged": privileged,
                },
            ),
        )
        for role, privileged in kinds
        for owner, person, creator in owners
    ]


def _approvals(action: Action) -> list[Case]:
    approvers = sorted({sensitive.approver for sensitive in SENSITIVE if sensitive.approver is not None})
    return [
        Case(
            f"Approval by {approver}, {whose}",
            Resource("Approval", "i", {"requester": requester, "approver_role": approver.value, "project": "p"}),
        )
        for approver in approvers
        for whose, requester in (("of somebody else", OTHER), ("of one's own", ME))
    ]


def _eligibilities(action: Action) -> list[Case]:
    kinds = ((Role.RESEARCHER, "second-person"), (Role.AUDITOR, "second-person"), (Role.AUDITOR, "alone"))
    return [
        Case(
            f"Eligibility, {whose}, {role}, {kind}, {approval}",
            Resource(
                "Eligibility",
                "e",
                {"person": person, "role": role.value, "kind": kind, "approval": approval, "project": "p"},
            ),
        )
        for kind in ("elevation", "emergency")
        for role, approval in kinds
        for whose, person in (("somebody else's", OTHER), ("one's own", ME))
    ]


def _subjects(action: Action) -> list[Case]:
    """Patients: of somebody else, and those for whom one decides oneself; the latter of no scope of one's roles."""
    return [
        Case("Subject, of the scope", Resource("Subject", "s", {"project": "p", "holders": OTHER})),
        Case("Subject, for whom one decides", Resource("Subject", "s", {"holders": ME})),
    ]


_CASES = {
    "Subject": _subjects,
    "Register": lambda action: _plain("Register"),
    "Platform": lambda action: _plain("Platform"),
    "Key": lambda action: _plain("Key"),
    "Log": lambda action: _plain("Log"),
    "Project": lambda action: _plain("Project"),
    "Bucket": _buckets,
    "Identity": _identities,
    "Approval": _approvals,
    "Eligibility": _eligibilities,
}


def holder(roles: Iterable[Role], *, kind: str = "Person", elevated: bool = False) -> Principal:
    """Somebody who holds these roles: privileged ones for the platform, others for the project."""
    rights = {role: frozenset({PLATFORM_SCOPE if role in PRIVILEGED_ROLES else SCOPE}) for role in roles}
    through = frozenset(role.value for role in rights) if elevated else frozenset[str]()
    return Principal(ME if kind == "Person" else "mac_mine", kind, ME, rights, through)


def directory() -> Principal:
    """A machine that two officers registered as a directory of people; it holds no role."""
    return Principal("mac_mine", "Machine", ME, directory=True)


def patient() -> Principal:
    """The account of a patient; it holds no role."""
    return Principal(ME, "Person", ME, patient=True)


def cell(policy: Policy, principal: Principal, action: Action, case: Case) -> str:
    """`yes`, `2nd` (may propose it, a second person approves) or `·` (may not)."""
    signed_in = Circumstances(case.purpose.value, signed_in=principal.type == "Person")
    if not policy.decide(principal, action.name, facts_of(case.resource), signed_in).allowed:
        return NO
    return TWO if action.sensitive else YES


def matrix(policy: Policy) -> str:
    """The whole matrix, role x action x resource, as a page."""
    people = [*(holder([role]) for role in Role), patient()]
    machines = [*(holder([role], kind="Machine") for role in sorted(MACHINE_ROLES)), directory()]
    return "\n".join(
        [
            "# Authorisation matrix",
            "",
            "Computed from `src/nexus/iam/policy` by `python -m nexus.iam.matrix .`; a test fails while it is stale.",
            f"`{YES}`: may. `{TWO}`: may propose it, and a second person approves. `{NO}`: may not. Persons are signed in",
            "with two factors. The purpose is research unless a line says otherwise.",
            "",
            "## Persons",
            "",
            *_table(policy, people, [*(role.value for role in Role), "patient"]),
            "",
            "## What a person may only while the role is held through an elevation",
            "",
            *_by_elevation_only(policy),
            "",
            "## Machines (access keys and service tokens)",
            "",
            *_table(policy, machines, [*(role.value for role in sorted(MACHINE_ROLES)), "directory of people"]),
            "",
            "## Conflicting duties",
            "",
            "What one person does not hold together, and why. The last column: what would be in one hand, though even then a",
            "second person has to approve: one of the two roles proposes it, the other one approves it.",
            "",
            "| duties | on | why | both halves of |",
            "|---|---|---|---|",
            *(_conflict_line(policy, duties) for duties in CONFLICTS),
            "",
        ]
    )


def halves(policy: Policy, one: Role, other: Role) -> list[str]:
    """The sensitive actions that one of two roles proposes and the other approves.

    What everybody proposes with what is his own needs no role: it is none of them.
    """
    return [
        action.name
        for action in SENSITIVE
        for proposer, approver in ((one, other), (other, one))
        if action.approver is approver and _gains(policy, proposer, action, list(cases(action)))
    ]


def _conflict_line(policy: Policy, duties: Duties) -> str:
    names = f"{duties.one.value} and {duties.other.value}".replace("_", " ")
    where = "the same data" if duties.same_data else "the platform"
    both = ", ".join(halves(policy, duties.one, duties.other)) or NO
    return f"| {names} | {where} | {duties.why} | {both} |"


def _table(policy: Policy, principals: list[Principal], heads: list[str]) -> Iterator[str]:
    yield f"| action | resource | {' | '.join(head.replace('_', ' ') for head in heads)} |"
    yield f"|---|---|{'---|' * len(heads)}"
    for action in ACTIONS.values():
        for case in cases(action):
            cells = [cell(policy, principal, action, case) for principal in principals]
            yield f"| {action.name} | {case.label} | {' | '.join(cells)} |"


def _by_elevation_only(policy: Policy) -> Iterator[str]:
    """The lines that an elevation changes, and no other."""
    elevated = [holder([role], elevated=True) for role in Role]
    standing = list(_table(policy, [holder([role]) for role in Role], [role.value for role in Role]))
    for number, (before, after) in enumerate(
        zip(standing, _table(policy, elevated, [role.value for role in Role]), strict=True)
    ):
        if number < 2 or before != after:
            yield after


def reference(policy: Policy) -> str:
    """The reference page of roles and actions."""
    lines = [
        "# Roles and actions",
        "",
        "Made from the code by `python -m nexus.iam.matrix .`; a test fails while it is stale. The complete matrix,",
        "role by action by resource, is `tests/security/authorisation-matrix.md`.",
        "",
        "## Roles",
        "",
        "| role | in French | what it is there for | granted by | machines may hold it |",
        "|---|---|---|---|---|",
        *(_role_line(role) for role in Role),
        "",
        "A role is held within a scope (`platform`, `site:<name>`, `project:<name>`, `bucket:<name>`) and until a date.",
        "",
        "## Actions",
        "",
        '"Who" lists the roles that may do it on at least one kind of resource within their scope. "everybody" means',
        "anybody for what is his own. An action with an approver needs four eyes: the role named there, held by another",
        "person, approves it.",
        "",
        "| action | a person may … | une personne peut … | on | who | approver |",
        "|---|---|---|---|---|---|",
        *(_action_line(policy, action) for action in ACTIONS.values()),
        "",
    ]
    return "\n".join(lines)


def _role_line(role: Role) -> str:
    text = ROLES[role]
    granted = "two persons (four eyes)" if role in PRIVILEGED_ROLES else "one, who did not create the identity"
    return f"| `{role}` | {text.nom} | {text.duty} | {granted} | {'yes' if role in MACHINE_ROLES else 'no'} |"


def _action_line(policy: Policy, action: Action) -> str:
    approver = f"`{action.approver}`" if action.approver else ""
    kinds = ", ".join(action.resource_types)
    return f"| `{action.name}` | {action.sentence} | {action.phrase} | {kinds} | {_who(policy, action)} | {approver} |"


def _who(policy: Policy, action: Action) -> str:
    tried = list(cases(action))
    if any(cell(policy, holder([]), action, case) != NO for case in tried):
        others = [role for role in Role if _gains(policy, role, action, tried)]
        return ", ".join(["everybody", *(f"`{role}`" for role in others)])
    standing = [role for role in Role if any(cell(policy, holder([role]), action, case) != NO for case in tried)]
    elevated = [
        role
        for role in Role
        if role not in standing
        and any(cell(policy, holder([role], elevated=True), action, case) != NO for case in tried)
    ]
    return ", ".join([*(f"`{role}`" for role in standing), *(f"`{role}`, elevated" for role in elevated)])


def _gains(policy: Policy, role: Role, action: Action, tried: list[Case]) -> bool:
    """Whether the role may do more than somebody without any role."""
    nobody = holder([])
    return any(
        cell(policy, holder([role]), action, case) != NO and cell(policy, nobody, action, case) == NO for case in tried
    )


def write(root: Path) -> None:
    """Write both pages under the project's root folder."""
    policy = Policy.shipped()
    (root / MATRIX_FILE).write_text(matrix(policy), "utf-8")
    (root / REFERENCE_FILE).parent.mkdir(parents=True, exist_ok=True)
    (root / REFERENCE_FILE).write_text(reference(policy), "utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
