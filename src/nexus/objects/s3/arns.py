"""Names of identities and roles in AWS's form, and back.

- `arn:aws:iam::<account>:user/<identity>`: a person or a machine; the account is the site.
- `arn:aws:iam::<account>:role/<role>`: a role, wherever one holds it. A path says more: `role/project/alpha/<role>` is the role
  in that project only, `role/purpose/research/<role>` for that purpose.
- `arn:aws:sts::<account>:assumed-role/<role>/<name>`: a temporary access key that was left a role.
"""

from dataclasses import dataclass
from typing import Final

from nexus.objects.s3.errors import Refusal
from nexus.objects.s3.query import VALIDATION_ERROR

NO_ACCOUNT: Final = "nexus"
"""The account of those who work for no site, or for several."""
_SCOPES: Final = ("site", "project", "bucket")
_PURPOSE: Final = "purpose"


@dataclass(frozen=True, slots=True)
class RoleName:
    """What an ARN of a role says. `role` is `researcher` or `researcher@project:alpha`; `purpose` is empty if it names none."""

    account: str
    role: str
    purpose: str


def of_identity(account: str, identity: str) -> str:
    """The ARN of a person or a machine."""
    return f"arn:aws:iam::{account}:user/{identity}"


def of_assumed(account: str, role: str, name: str) -> str:
    """The ARN of whoever acts with a temporary key that was left one role."""
    return f"arn:aws:sts::{account}:assumed-role/{role.partition('@')[0]}/{name}"


def of_role(account: str, role: str, scope: str = "") -> str:
    """The ARN of a role, in a scope or wherever it is held."""
    kind, _, where = scope.partition(":")
    path = f"{kind}/{where}/" if kind in _SCOPES else ""
    return f"arn:aws:iam::{account}:role/{path}{role}"


def read_role(arn: str) -> RoleName:
    """The role that an ARN names. Raises Refusal."""
    parts = arn.split(":", 5)
    if len(parts) != 6 or parts[:4] != ["arn", "aws", "iam", ""] or not parts[5].startswith("role/"):
        raise _malformed()
    *path, role = parts[5].removeprefix("role/").split("/")
    pairs = list(zip(path[::2], path[1::2], strict=False))
    named = dict(pairs)
    scopes = [f"{kind}:{where}" for kind, where in pairs if kind in _SCOPES]
    if len(path) % 2 or len(named) != len(pairs) or set(named) - {*_SCOPES, _PURPOSE} or len(scopes) > 1 or not role:
        raise _malformed()
    return RoleName(parts[4], f"{role}@{scopes[0]}" if scopes else role, named.get(_PURPOSE, ""))


def _malformed() -> Refusal:
    return Refusal(
        VALIDATION_ERROR,
        "RoleArn must be arn:aws:iam::<account>:role/[site|project|bucket/<name>/][purpose/<purpose>/]<role>",
    )
