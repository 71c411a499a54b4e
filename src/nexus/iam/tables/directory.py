"""Actions on and of directories of people."""

from nexus.iam.model import Role
from nexus.iam.tables.action import IDENTITY, PLATFORM, Action, four_eyes

ACTIONS: tuple[Action, ...] = (
    Action(
        "iam.person.deactivate",
        "end everything of a person who leaves",
        "mettre fin à tout ce qui appartient à une personne qui part",
        (IDENTITY,),
    ),
    four_eyes(
        "iam.directory.register",
        "let a machine bring people in and take them out",
        "autoriser une machine à faire entrer et sortir des personnes",
        IDENTITY,
        Role.SECURITY_OFFICER,
    ),
    Action("iam.directory.revoke", "end a directory of people", "retirer un annuaire de personnes", (IDENTITY,)),
    Action("iam.directory.list", "list directories of people", "lister les annuaires de personnes", (PLATFORM,)),
    four_eyes(
        "iam.directory.map",
        "say what membership in a group gives",
        "décider de ce que donne l'appartenance à un groupe",
        PLATFORM,
        Role.SECURITY_OFFICER,
    ),
    Action(
        "iam.directory.unmap", "let membership in a group give nothing", "retirer ce que donne un groupe", (PLATFORM,)
    ),
    Action("iam.directory.groups", "list groups of a directory", "lister les groupes d'un annuaire", (PLATFORM,)),
    Action("iam.directory.persons", "list persons as a directory", "lister les personnes (annuaire)", (PLATFORM,)),
    Action(
        "iam.directory.invite", "bring a joiner in as a directory", "faire entrer une personne (annuaire)", (PLATFORM,)
    ),
    Action("iam.directory.change", "change a person as a directory", "modifier une personne (annuaire)", (IDENTITY,)),
    Action(
        "iam.directory.remove", "take a leaver out as a directory", "faire sortir une personne (annuaire)", (IDENTITY,)
    ),
    Action("iam.directory.assign", "add a member to a group", "ajouter un membre à un groupe", (IDENTITY,)),
    Action("iam.directory.unassign", "remove a member of a group", "retirer un membre d'un groupe", (IDENTITY,)),
)
