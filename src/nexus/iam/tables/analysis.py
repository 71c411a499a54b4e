"""Actions that ask about rights and decisions."""

from nexus.iam.tables.action import IDENTITY, PLATFORM, Action

ACTIONS: tuple[Action, ...] = (
    Action("iam.who-can", "find out who may do something", "savoir qui peut faire quelque chose", (PLATFORM,)),
    Action("iam.what-can", "see what an identity may do", "voir ce qu'une identité peut faire", (IDENTITY,)),
    Action("iam.what-if", "try a decision without doing anything", "essayer une décision sans rien faire", (IDENTITY,)),
    Action("iam.explain", "have a decision explained", "se faire expliquer une décision", (PLATFORM, IDENTITY)),
    Action("iam.unused-rights", "list unused rights", "lister les droits inutilisés", (PLATFORM, IDENTITY)),
)
