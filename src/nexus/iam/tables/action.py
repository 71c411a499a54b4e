"""What an action is, and the types of resources that actions are done to."""

from dataclasses import dataclass

from nexus.iam.model import Role

PLATFORM, KEY, BUCKET, IDENTITY, LOG, APPROVAL = "Platform", "Key", "Bucket", "Identity", "Log", "Approval"
ELIGIBILITY, PROJECT = "Eligibility", "Project"
SUBJECT, REGISTER = "Subject", "Register"
RESOURCE_TYPES = (PLATFORM, KEY, BUCKET, IDENTITY, LOG, APPROVAL, ELIGIBILITY, PROJECT, SUBJECT, REGISTER)


@dataclass(frozen=True, slots=True)
class Action:
    """`sentence` completes "may …" in English, `phrase` completes « peut … » en français."""

    name: str
    sentence: str
    phrase: str
    resource_types: tuple[str, ...]
    sensitive: bool = False
    approver: Role | None = None
    """Role that approves a sensitive action; always a privileged one."""
    approvals: int = 1
    """Approvals needed, each by another person, none by the requester."""
    patient: bool = False
    """Whether the account of a patient may do it at all; everything else is forbidden to it."""


def four_eyes(name: str, sentence: str, phrase: str, resource: str, approver: Role) -> Action:
    """An action that another person, in the role `approver`, has to approve."""
    return Action(name, sentence, phrase, (resource,), sensitive=True, approver=approver)
