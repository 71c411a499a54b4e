"""Actions on the life of rights: elevations.

Making somebody eligible needs the right to grant the role itself (`iam.role.grant`, `iam.role.grant-privileged`).
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
    Action("iam.elevation.list", "list elevations", "lister les élévations", (PLATFORM, IDENTITY)),
)
