"""Actions on the way into the machine."""

from nexus.iam.tables.action import PLATFORM, Action

ACTIONS: tuple[Action, ...] = (
    Action(
        "bastion.session.open",
        "open a recorded session on the machine",
        "ouvrir une session enregistrée sur la machine",
        (PLATFORM,),
    ),
    Action("bastion.host.read", "see how the bastion is known", "voir à quoi se reconnaît le bastion", (PLATFORM,)),
    Action(
        "bastion.session.list",
        "list sessions on the machine",
        "lister les sessions sur la machine",
        (PLATFORM,),
    ),
    Action("bastion.session.read", "see one session on the machine", "voir une session sur la machine", (PLATFORM,)),
    Action("bastion.session.cut", "cut a session on the machine", "couper une session sur la machine", (PLATFORM,)),
    Action(
        "bastion.session.watch",
        "watch a session on the machine",
        "regarder une session en cours sur la machine",
        (PLATFORM,),
    ),
    Action(
        "bastion.session.replay",
        "replay the recording of a session",
        "rejouer l'enregistrement d'une session",
        (PLATFORM,),
    ),
    Action(
        "bastion.session.verify",
        "compare a recording with the audit log",
        "comparer un enregistrement avec le journal",
        (PLATFORM,),
    ),
)
