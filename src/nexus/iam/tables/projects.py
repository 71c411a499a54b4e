"""Actions on projects and what was decided about them."""

from nexus.iam.model import Role
from nexus.iam.tables.action import PLATFORM, PROJECT, Action, four_eyes

ACTIONS: tuple[Action, ...] = (
    Action("projects.project.request", "file a project", "déposer un projet", (PROJECT,)),
    Action("projects.project.list", "list projects", "lister les projets", (PLATFORM,)),
    Action("projects.project.read", "see a project", "consulter un projet", (PROJECT,)),
    four_eyes(
        "projects.project.authorise",
        "let a project be prepared",
        "autoriser la préparation d'un projet",
        PROJECT,
        Role.DATA_PROTECTION_OFFICER,
    ),
    Action("projects.project.refuse", "refuse a project", "refuser un projet", (PROJECT,)),
    Action(
        "projects.assessment.record",
        "record the impact assessment of a project",
        "enregistrer l'analyse d'impact (AIPD) d'un projet",
        (PROJECT,),
    ),
    four_eyes(
        "projects.homologation.record",
        "record the homologation of a project's space",
        "enregistrer l'homologation de l'espace d'un projet",
        PROJECT,
        Role.SECURITY_OFFICER,
    ),
    four_eyes(
        "projects.permit.issue",
        "permit a project to read data",
        "délivrer l'autorisation de lecture d'un projet",
        PROJECT,
        Role.DATA_PROTECTION_OFFICER,
    ),
    Action(
        "projects.decision.revoke",
        "revoke a decision about a project",
        "retirer une décision relative à un projet",
        (PROJECT,),
    ),
    Action("projects.project.open", "open a project", "ouvrir un projet", (PROJECT,)),
    Action("projects.project.suspend", "stop a project", "suspendre un projet", (PROJECT,)),
    Action("projects.project.close", "close a project", "clore un projet", (PROJECT,)),
    Action("projects.project.archive", "archive a project", "archiver un projet", (PROJECT,)),
)
