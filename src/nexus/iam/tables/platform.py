"""Actions on the platform as a whole."""

from nexus.iam.tables.action import PLATFORM, Action

ACTIONS: tuple[Action, ...] = (
    Action("platform.status", "see the state of the platform", "voir l'état de la plateforme", (PLATFORM,)),
    Action("platform.doctor", "diagnose the platform", "diagnostiquer la plateforme", (PLATFORM,)),
    Action("platform.configure", "change the platform's settings", "configurer la plateforme", (PLATFORM,)),
    Action("platform.backup", "back up the platform", "sauvegarder la plateforme", (PLATFORM,)),
)
