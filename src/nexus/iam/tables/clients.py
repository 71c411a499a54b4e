"""Actions on clients of the issuer."""

from nexus.iam.tables.action import PLATFORM, Action

ACTIONS: tuple[Action, ...] = (
    Action("iam.client.create", "register a tool that signs people in", "enregistrer un outil connecté", (PLATFORM,)),
    Action("iam.client.list", "list the tools that sign people in", "lister les outils connectés", (PLATFORM,)),
    Action("iam.client.read", "read the registration of a tool", "consulter un outil connecté", (PLATFORM,)),
    Action(
        "iam.client.rotate-secret",
        "give a tool a new secret",
        "renouveler le secret d'un outil connecté",
        (PLATFORM,),
    ),
    Action("iam.client.delete", "remove a tool that signs people in", "retirer un outil connecté", (PLATFORM,)),
)
