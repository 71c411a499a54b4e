"""Actions on the life of rights: elevations, break-glass, reviews, requests for rights, accounts of one human being.

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
    Action(
        "iam.break-glass.open",
        "open an emergency access of one's own",
        "ouvrir un accès d'urgence (bris de glace)",
        (ELIGIBILITY,),
    ),
    Action("iam.break-glass.list", "list emergency accesses", "lister les accès d'urgence", (PLATFORM, IDENTITY)),
    Action(
        "iam.break-glass.review",
        "judge an emergency access of somebody else",
        "examiner l'accès d'urgence d'une autre personne",
        (IDENTITY,),
    ),
    Action("iam.review.open", "open a review of rights", "ouvrir une revue des droits", (PLATFORM,)),
    Action("iam.review.list", "list reviews of rights", "lister les revues des droits", (PLATFORM,)),
    Action("iam.review.items", "ask what one may judge in a review", "demander ce que l'on doit examiner", (PLATFORM,)),
    Action("iam.review.read", "see what is under review", "voir ce qui est en revue", (IDENTITY,)),
    Action("iam.review.renew", "renew a right of somebody else", "reconduire un droit d'autrui", (IDENTITY,)),
    Action("iam.review.end", "end a right of somebody else in a review", "retirer un droit en revue", (IDENTITY,)),
    Action("iam.review.restore", "give back what a review suspended", "rétablir un droit suspendu", (IDENTITY,)),
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
