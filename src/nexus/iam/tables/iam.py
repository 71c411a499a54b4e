"""Actions on identities, rights and approvals."""

from nexus.iam.model import Role
from nexus.iam.tables.action import APPROVAL, IDENTITY, PLATFORM, Action, four_eyes

ACTIONS: tuple[Action, ...] = (
    Action("iam.person.create", "create a person", "créer une personne", (PLATFORM,)),
    Action("iam.person.list", "list persons", "lister les personnes", (PLATFORM,)),
    Action(
        "iam.person.read", "read the record of a person", "consulter la fiche d'une personne", (IDENTITY,), patient=True
    ),
    Action("iam.person.suspend", "suspend a person", "suspendre une personne", (IDENTITY,)),
    Action("iam.person.resume", "end the suspension of a person", "lever la suspension d'une personne", (IDENTITY,)),
    four_eyes("iam.person.delete", "delete a person", "supprimer une personne", IDENTITY, Role.SECURITY_OFFICER),
    four_eyes(
        "iam.person.re-enrol",
        "let a person choose a new password and second factor",
        "faire choisir à une personne un nouveau mot de passe et un nouveau second facteur",
        IDENTITY,
        Role.SECURITY_OFFICER,
    ),
    Action(
        "iam.me.read", "see who one is and what one may", "voir qui l'on est et ses droits", (PLATFORM,), patient=True
    ),
    Action(
        "iam.notice.list",
        "see what happened to one's account",
        "voir ce qui est arrivé à son compte",
        (IDENTITY,),
        patient=True,
    ),
    Action(
        "iam.notice.acknowledge",
        "say that one has seen it",
        "indiquer que l'on en a pris connaissance",
        (IDENTITY,),
        patient=True,
    ),
    Action("iam.password.change", "change one's password", "changer son mot de passe", (IDENTITY,), patient=True),
    Action(
        "iam.identity.name",
        "see what persons and machines are called",
        "voir comment s'appellent personnes et machines",
        (PLATFORM,),
    ),
    Action("iam.machine.create", "create a machine", "créer une machine", (PLATFORM,)),
    Action("iam.machine.list", "list machines", "lister les machines", (PLATFORM,)),
    Action("iam.machine.read", "read the record of a machine", "consulter la fiche d'une machine", (IDENTITY,)),
    Action("iam.machine.suspend", "suspend a machine", "suspendre une machine", (IDENTITY,)),
    Action("iam.machine.resume", "end the suspension of a machine", "lever la suspension d'une machine", (IDENTITY,)),
    Action("iam.machine.delete", "delete a machine", "supprimer une machine", (IDENTITY,)),
    Action("iam.access-key.create", "create an access key", "créer une clé d'accès", (IDENTITY,)),
    Action("iam.access-key.rotate", "replace an access key", "remplacer une clé d'accès", (IDENTITY,)),
    Action("iam.access-key.list", "list the access keys of an identity", "lister les clés d'accès", (IDENTITY,)),
    Action("iam.access-key.revoke", "revoke an access key", "révoquer une clé d'accès", (IDENTITY,)),
    Action(
        "iam.temporary-key.create",
        "derive a temporary access key",
        "dériver une clé d'accès temporaire",
        (IDENTITY,),
    ),
    Action(
        "iam.temporary-key.list",
        "list the temporary access keys of an identity",
        "lister les clés d'accès temporaires",
        (IDENTITY,),
    ),
    Action("iam.temporary-key.end", "end a temporary access key", "mettre fin à une clé temporaire", (IDENTITY,)),
    Action("iam.token.create", "create a service token", "créer un jeton de service", (IDENTITY,)),
    Action("iam.token.list", "list the service tokens of an identity", "lister les jetons de service", (IDENTITY,)),
    Action("iam.token.revoke", "revoke a service token", "révoquer un jeton de service", (IDENTITY,)),
    Action("iam.role.grant", "grant a role", "attribuer un rôle", (IDENTITY,)),
    four_eyes(
        "iam.role.grant-privileged",
        "grant a privileged role",
        "attribuer un rôle privilégié",
        IDENTITY,
        Role.SECURITY_OFFICER,
    ),
    Action("iam.role.revoke", "take a role away", "retirer un rôle", (IDENTITY,)),
    Action("iam.role.list", "list the rights of identities", "lister les droits des identités", (PLATFORM, IDENTITY)),
    Action(
        "iam.session.list",
        "list the sessions of a person",
        "lister les sessions d'une personne",
        (IDENTITY,),
        patient=True,
    ),
    Action("iam.session.end", "end a session", "fermer une session", (IDENTITY,), patient=True),
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
