"""Actions on pseudonyms: their domains, and the way back to persons."""

from nexus.iam.model import Role
from nexus.iam.tables.action import BUCKET, PLATFORM, PROJECT, Action, four_eyes

ACTIONS: tuple[Action, ...] = (
    Action("pseudonyms.domain.open", "open a domain of pseudonyms", "ouvrir un domaine de pseudonymes", (PLATFORM,)),
    four_eyes(
        "pseudonyms.domain.renew",
        "renew every pseudonym of a domain under a new secret",
        "renouveler tous les pseudonymes d'un domaine sous un nouveau secret",
        PLATFORM,
        Role.SECURITY_OFFICER,
    ),
    Action(
        "pseudonyms.domain.list",
        "see how many people have a pseudonym in each domain",
        "voir combien de personnes ont un pseudonyme dans chaque domaine",
        (PLATFORM,),
    ),
    Action(
        "pseudonyms.file.make",
        "have a file rewritten with pseudonyms",
        "faire réécrire un fichier avec des pseudonymes",
        (BUCKET,),
    ),
    Action(
        "pseudonyms.file.read",
        "see how far the rewriting of a file is",
        "suivre la réécriture d'un fichier",
        (BUCKET,),
    ),
    four_eyes(
        "pseudonyms.person.recontact",
        "learn who has a pseudonym of a project, to contact them",
        "apprendre qui porte un pseudonyme d'un projet, pour recontacter ces personnes",
        PROJECT,
        Role.DATA_PROTECTION_OFFICER,
    ),
    four_eyes(
        "pseudonyms.person.emergency",
        "learn who has a pseudonym of a project, in a medical emergency",
        "apprendre qui porte un pseudonyme d'un projet, en urgence médicale",
        PROJECT,
        Role.SECURITY_OFFICER,
    ),
)
