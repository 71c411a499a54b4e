"""Everything that can be allowed or refused, each with a sentence for humans, and the roles in words.

`policy/*.cedar` says who may; the tables say what there is, what it is done to, and what needs a second person.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from nexus.iam.model import Role
from nexus.iam.tables import (
    analysis,
    audit,
    bastion,
    catalogue,
    clients,
    consent,
    directory,
    factors,
    iam,
    intake,
    kms,
    objects,
    platform,
    projects,
    pseudonyms,
    releases,
    rights,
)
from nexus.iam.tables.action import Action


@dataclass(frozen=True, slots=True)
class RoleText:
    """A role in words. `name` and `nom`: what people read; `duty`: what it is there for."""

    name: str
    nom: str
    duty: str


ROLES: Mapping[Role, RoleText] = {
    Role.PLATFORM_OPERATOR: RoleText(
        "platform operator", "opérateur de plateforme", "keeps the platform running; never sees what is in a bucket"
    ),
    Role.SECURITY_OFFICER: RoleText(
        "security officer",
        "responsable de la sécurité",
        "identities and rights, emergency stops; never touches objects",
    ),
    Role.KEY_CUSTODIAN: RoleText("key custodian", "dépositaire de clés", "the life of keys, never of data"),
    Role.AUDITOR: RoleText("auditor", "auditeur", "sees who did what, changes nothing, reads no data"),
    Role.DATA_PROTECTION_OFFICER: RoleText(
        "data protection officer",
        "délégué à la protection des données",
        "answers the persons concerned; asks for erasure",
    ),
    Role.DATA_PROVIDER: RoleText(
        "data provider", "fournisseur de données", "a site brings its data in and sees its own"
    ),
    Role.DATA_STEWARD: RoleText(
        "data steward", "gestionnaire de données", "organises data and gives rights on them to those who work with them"
    ),
    Role.RESEARCHER: RoleText(
        "researcher", "chercheur", "reads the data of a project for research; hands in results for their check"
    ),
    Role.OUTPUT_CHECKER: RoleText(
        "output checker", "vérificateur de sorties", "reads results before they leave, and nothing else"
    ),
    Role.CONSENT_DESK: RoleText(
        "consent desk",
        "guichet des consentements",
        "registers the patients of its site and records what they decided on paper; reads no data",
    ),
    Role.REIDENTIFICATION_DESK: RoleText(
        "re-identification desk",
        "guichet de ré-identification",
        "asks who has a pseudonym, for a patient's sake and with a second person; reads no data",
    ),
}

ACTIONS: Mapping[str, Action] = {
    action.name: action
    for action in (
        *objects.ACTIONS,
        *kms.ACTIONS,
        *iam.ACTIONS,
        *factors.ACTIONS,
        *rights.ACTIONS,
        *clients.ACTIONS,
        *analysis.ACTIONS,
        *directory.ACTIONS,
        *audit.ACTIONS,
        *platform.ACTIONS,
        *bastion.ACTIONS,
        *consent.ACTIONS,
        *projects.ACTIONS,
        *intake.ACTIONS,
        *pseudonyms.ACTIONS,
        *releases.ACTIONS,
        *catalogue.ACTIONS,
    )
}
SENSITIVE: tuple[Action, ...] = tuple(action for action in ACTIONS.values() if action.sensitive)
