"""Actions on the audit log."""

from nexus.iam.model import Role
from nexus.iam.tables.action import LOG, Action, four_eyes

ACTIONS: tuple[Action, ...] = (
    Action("audit.entry.list", "search the audit log", "rechercher dans le journal de traçabilité", (LOG,)),
    Action("audit.entry.prove", "prove an entry of the audit log", "prouver une entrée du journal", (LOG,)),
    four_eyes(
        "audit.entry.erase",
        "erase a person's entries from the audit log",
        "effacer du journal les entrées d'une personne",
        LOG,
        Role.SECURITY_OFFICER,
    ),
    Action("audit.log.verify", "verify the audit log", "vérifier le journal de traçabilité", (LOG,)),
    Action("audit.log.export", "export the audit log", "exporter le journal de traçabilité", (LOG,)),
    Action("audit.log.read", "read checkpoints and tiles", "lire les points de contrôle du journal", (LOG,)),
    four_eyes(
        "audit.log.configure",
        "change how the audit log is kept",
        "modifier la conservation du journal",
        LOG,
        Role.AUDITOR,
    ),
)
