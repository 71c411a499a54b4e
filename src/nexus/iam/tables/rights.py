"""Actions on the life of rights: elevations, requests for rights, accounts of one human being.

Making somebody eligible, or granting what was asked for, needs the right to grant the role itself (`iam.role.grant`, `iam.role.grant-privileged`).
"""

from nexus.iam.model import Role
from nexus.iam.tables.action import ELIGIBILITY, IDENTITY, PLATFORM, Action, four_eyes

ACTIONS: tuple[Action, ...] = (
    Action(
        "iam.elevation.open",
        "elevate an eligible grant of one's own for a while",
        "activer pour un temps un droit auquel on est éligible",
        (ELIGIBILITY,),
    ),
    four_eyes(
        "iam.elevation.open-privileged",
        "elevate an eligible grant of a privileged role for a while",
        "activer pour un temps un rôle privilégié auquel on est éligible",
        ELIGIBILITY,
        Role.SECURITY_OFFICER,
    ),
    Action("iam.elevation.end", "end an elevation", "mettre fin à une élévation", (IDENTITY,)),
    Action("iam.access-request.create", "ask for a right", "demander un droit", (IDENTITY,)),
    Action("iam.access-request.list", "list requests for rights", "lister les demandes de droits", (PLATFORM,)),
    Action("iam.access-request.read", "read a request for a right", "consulter une demande de droit", (IDENTITY,)),
    Action("iam.access-request.refuse", "refuse a request for a right", "refuser une demande de droit", (IDENTITY,)),
    Action(
        "iam.access-request.withdraw", "take back a request for a right", "retirer une demande de droit", (IDENTITY,)
    ),
    Action(
        "iam.same-person.record",
        "record that two accounts belong to one human being",
        "déclarer que deux comptes sont à une même personne",
        (IDENTITY,),
    ),
    Action(
        "iam.same-person.list",
        "list the accounts of human beings who have several",
        "lister les comptes des personnes qui en ont plusieurs",
        (PLATFORM,),
    ),
    four_eyes(
        "iam.same-person.forget",
        "let two accounts of one human being count as two again",
        "séparer deux comptes déclarés d'une même personne",
        IDENTITY,
        Role.SECURITY_OFFICER,
    ),
    Action("iam.elevation.list", "list elevations", "lister les élévations", (PLATFORM, IDENTITY)),
)
