"""The table of actions: everything that can be allowed or refused, each with a sentence for humans.

`policy/*.cedar` says who may; this table says what there is, what it is done to, and what needs a second person.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from nexus.iam.model import Role

PLATFORM, KEY, BUCKET, IDENTITY, LOG, APPROVAL = "Platform", "Key", "Bucket", "Identity", "Log", "Approval"
RESOURCE_TYPES = (PLATFORM, KEY, BUCKET, IDENTITY, LOG, APPROVAL)


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
}


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


def _four_eyes(name: str, sentence: str, phrase: str, resource: str, approver: Role) -> Action:
    return Action(name, sentence, phrase, (resource,), sensitive=True, approver=approver)


_OBJECTS = (
    Action("objects.bucket.create", "create a bucket", "créer un compartiment", (BUCKET,)),
    Action("objects.bucket.list", "list buckets", "lister les compartiments", (PLATFORM, BUCKET)),
    Action(
        "objects.bucket.read", "read the settings of a bucket", "lire la configuration d'un compartiment", (BUCKET,)
    ),
    Action("objects.bucket.delete", "delete an empty bucket", "supprimer un compartiment vide", (BUCKET,)),
    Action("objects.bucket.configure", "change the settings of a bucket", "configurer un compartiment", (BUCKET,)),
    Action("objects.object.list", "list the objects of a bucket", "lister les objets d'un compartiment", (BUCKET,)),
    Action("objects.object.read", "read objects", "lire des objets", (BUCKET,)),
    Action("objects.object.write", "write objects", "écrire des objets", (BUCKET,)),
    Action("objects.object.delete", "delete objects", "supprimer des objets", (BUCKET,)),
    Action("objects.version.list", "list the versions of objects", "lister les versions des objets", (BUCKET,)),
    Action("objects.version.read", "read earlier versions of objects", "lire des versions antérieures", (BUCKET,)),
    Action(
        "objects.version.delete",
        "delete versions of objects for good",
        "supprimer définitivement des versions d'objets",
        (BUCKET,),
    ),
    Action("objects.upload.write", "upload objects in parts", "téléverser des objets en plusieurs parties", (BUCKET,)),
    Action("objects.upload.list", "list unfinished uploads", "lister les téléversements inachevés", (BUCKET,)),
    Action("objects.upload.abort", "abort an unfinished upload", "abandonner un téléversement", (BUCKET,)),
)

_KMS = (
    Action("kms.key.create", "create a key", "créer une clé", (PLATFORM, KEY)),
    Action("kms.key.list", "list keys", "lister les clés", (PLATFORM, KEY)),
    Action("kms.key.read", "read what is known of a key", "consulter la fiche d'une clé", (KEY,)),
    Action("kms.key.rotate", "rotate a key", "faire la rotation d'une clé", (KEY,)),
    Action("kms.key.disable", "disable a key", "désactiver une clé", (KEY,)),
    Action("kms.key.enable", "enable a disabled key", "réactiver une clé", (KEY,)),
    _four_eyes("kms.key.destroy", "destroy a key for good", "détruire définitivement une clé", KEY, Role.KEY_CUSTODIAN),
    Action(
        "kms.key.cancel-destruction",
        "cancel the scheduled destruction of a key",
        "annuler la destruction programmée d'une clé",
        (KEY,),
    ),
    Action("kms.key.import", "import a key made elsewhere", "importer une clé créée ailleurs", (PLATFORM, KEY)),
    _four_eyes("kms.key.export", "export a key", "exporter une clé", KEY, Role.SECURITY_OFFICER),
    Action("kms.key.rewrap", "rewrap data keys", "ré-envelopper des clés de données", (PLATFORM, KEY)),
    Action("kms.service.seal", "seal the key service", "sceller le service de clés", (PLATFORM,)),
    Action("kms.service.status", "see the state of the key service", "voir l'état du service de clés", (PLATFORM,)),
)

_IAM = (
    Action("iam.person.create", "create a person", "créer une personne", (PLATFORM,)),
    Action("iam.person.list", "list persons", "lister les personnes", (PLATFORM,)),
    Action("iam.person.read", "read the record of a person", "consulter la fiche d'une personne", (IDENTITY,)),
    Action("iam.person.suspend", "suspend a person", "suspendre une personne", (IDENTITY,)),
    Action("iam.person.resume", "end the suspension of a person", "lever la suspension d'une personne", (IDENTITY,)),
    _four_eyes("iam.person.delete", "delete a person", "supprimer une personne", IDENTITY, Role.SECURITY_OFFICER),
    _four_eyes(
        "iam.person.re-enrol",
        "let a person choose a new password and second factor",
        "faire choisir à une personne un nouveau mot de passe et un nouveau second facteur",
        IDENTITY,
        Role.SECURITY_OFFICER,
    ),
    Action("iam.me.read", "see who one is and what one may", "voir qui l'on est et ses droits", (PLATFORM,)),
    Action("iam.password.change", "change one's password", "changer son mot de passe", (IDENTITY,)),
    Action("iam.machine.create", "create a machine", "créer une machine", (PLATFORM,)),
    Action("iam.machine.list", "list machines", "lister les machines", (PLATFORM,)),
    Action("iam.machine.read", "read the record of a machine", "consulter la fiche d'une machine", (IDENTITY,)),
    Action("iam.machine.suspend", "suspend a machine", "suspendre une machine", (IDENTITY,)),
    Action("iam.machine.resume", "end the suspension of a machine", "lever la suspension d'une machine", (IDENTITY,)),
    Action("iam.machine.delete", "delete a machine", "supprimer une machine", (IDENTITY,)),
    Action("iam.access-key.create", "create an access key", "créer une clé d'accès", (IDENTITY,)),
    Action("iam.access-key.list", "list the access keys of an identity", "lister les clés d'accès", (IDENTITY,)),
    Action("iam.access-key.revoke", "revoke an access key", "révoquer une clé d'accès", (IDENTITY,)),
    Action("iam.token.create", "create a service token", "créer un jeton de service", (IDENTITY,)),
    Action("iam.token.list", "list the service tokens of an identity", "lister les jetons de service", (IDENTITY,)),
    Action("iam.token.revoke", "revoke a service token", "révoquer un jeton de service", (IDENTITY,)),
    Action("iam.role.grant", "grant a role", "attribuer un rôle", (IDENTITY,)),
    _four_eyes(
        "iam.role.grant-privileged",
        "grant a privileged role",
        "attribuer un rôle privilégié",
        IDENTITY,
        Role.SECURITY_OFFICER,
    ),
    Action("iam.role.revoke", "take a role away", "retirer un rôle", (IDENTITY,)),
    Action("iam.role.list", "list the rights of identities", "lister les droits des identités", (PLATFORM, IDENTITY)),
    Action("iam.session.list", "list the sessions of a person", "lister les sessions d'une personne", (IDENTITY,)),
    Action("iam.session.end", "end a session", "fermer une session", (IDENTITY,)),
    Action("iam.approval.list", "list what waits for approval", "lister les demandes de validation", (PLATFORM,)),
    Action("iam.approval.read", "read what waits for approval", "consulter une demande de validation", (APPROVAL,)),
    Action("iam.approval.approve", "approve as second person", "valider en seconde personne", (APPROVAL,)),
    Action("iam.approval.reject", "reject what waits for approval", "refuser une demande de validation", (APPROVAL,)),
    Action(
        "iam.approval.execute",
        "carry out what was approved",
        "exécuter ce qui a été validé",
        (APPROVAL,),
    ),
)

_AUDIT = (
    Action("audit.entry.list", "search the audit log", "rechercher dans le journal de traçabilité", (LOG,)),
    Action("audit.entry.prove", "prove an entry of the audit log", "prouver une entrée du journal", (LOG,)),
    _four_eyes(
        "audit.entry.erase",
        "erase a person's entries from the audit log",
        "effacer du journal les entrées d'une personne",
        LOG,
        Role.SECURITY_OFFICER,
    ),
    Action("audit.log.verify", "verify the audit log", "vérifier le journal de traçabilité", (LOG,)),
    Action("audit.log.export", "export the audit log", "exporter le journal de traçabilité", (LOG,)),
    Action("audit.log.read", "read checkpoints and tiles", "lire les points de contrôle du journal", (LOG,)),
    _four_eyes(
        "audit.log.configure",
        "change how the audit log is kept",
        "modifier la conservation du journal",
        LOG,
        Role.AUDITOR,
    ),
)

_PLATFORM = (
    Action("platform.status", "see the state of the platform", "voir l'état de la plateforme", (PLATFORM,)),
    Action("platform.doctor", "diagnose the platform", "diagnostiquer la plateforme", (PLATFORM,)),
    Action("platform.configure", "change the platform's settings", "configurer la plateforme", (PLATFORM,)),
    Action("platform.backup", "back up the platform", "sauvegarder la plateforme", (PLATFORM,)),
)

ACTIONS: Mapping[str, Action] = {action.name: action for action in (*_OBJECTS, *_KMS, *_IAM, *_AUDIT, *_PLATFORM)}
SENSITIVE: tuple[Action, ...] = tuple(action for action in ACTIONS.values() if action.sensitive)
