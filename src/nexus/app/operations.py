"""Every operation of the platform, in one table. REST, OpenAPI and the command line are generated from it."""

from collections.abc import Mapping
from typing import Final

from nexus.app.platform import OPERATIONS as PLATFORM
from nexus.audit.operations import OPERATIONS as AUDIT
from nexus.bastion.operations import OPERATIONS as BASTION
from nexus.consent.operations import OPERATIONS as CONSENT
from nexus.iam.model import Purpose
from nexus.iam.operations import OPERATIONS as IAM
from nexus.kernel.operation import OperationSpec
from nexus.kms.operations import OPERATIONS as KMS
from nexus.objects.operations import OPERATIONS as OBJECTS
from nexus.portal.operations import OPERATIONS as PORTAL
from nexus.projects.operations import OPERATIONS as PROJECTS
from nexus.pseudonyms.operations import OPERATIONS as PSEUDONYMS
from nexus.warehouse.catalogue.operations import OPERATIONS as CATALOGUE
from nexus.warehouse.intake.operations import OPERATIONS as INTAKE
from nexus.warehouse.releases.operations import OPERATIONS as RELEASES

OPERATIONS: Final[tuple[OperationSpec, ...]] = (
    *IAM,
    *KMS,
    *OBJECTS,
    *AUDIT,
    *BASTION,
    *CONSENT,
    *PORTAL,
    *PROJECTS,
    *INTAKE,
    *RELEASES,
    *CATALOGUE,
    *PSEUDONYMS,
    *PLATFORM,
)
PURPOSES: Final = tuple(purpose.value for purpose in Purpose)
"""What an operation may be for."""
WHILE_SEALED: Final = frozenset({"kms.service.status", "kms.service.unseal", "platform.status"})
"""Operations that a sealed platform still performs, for those who are signed in: they look at the seal, or lift it."""
SERVICES: Final[Mapping[str, str]] = {
    "audit": "Who did what: the audit log, its proofs and its checks.",
    "bastion": "The way into the machine: certificates, sessions, recordings.",
    "consent": "What patients decided about their data, and who decides for whom.",
    "iam": "Who may do what: persons, machines, rights, sessions, approvals.",
    "kms": "Who holds the keys: keys and their life, sealing.",
    "objects": "Buckets. Objects travel over S3.",
    "portal": "What patients see of the log, and the letters that open their accounts.",
    "platform": "The platform as a whole.",
    "projects": "Who wants data for what, who agreed, and until when.",
    "intake": "What sites deliver, checked and accepted whole or refused whole.",
    "releases": "What a project reads: built of its permit, frozen, signed, retired.",
    "catalogue": "Which datasets there are, said to everybody and nothing of a patient.",
    "pseudonyms": "Domains of pseudonyms, and the way back to persons under four eyes.",
}
"""Each service in a sentence."""

_BY_NAME: Final = {spec.name: spec for spec in OPERATIONS}


def operation(name: str) -> OperationSpec:
    """The operation of this name. Raises KeyError: a name in the code that is not in the table is a fault of ours."""
    return _BY_NAME[name]
