"""Actions on keys."""

from nexus.iam.model import Role
from nexus.iam.tables.action import KEY, PLATFORM, Action, four_eyes

ACTIONS: tuple[Action, ...] = (
    Action("kms.key.create", "create a key", "créer une clé", (PLATFORM, KEY)),
    Action("kms.key.list", "list keys", "lister les clés", (PLATFORM, KEY)),
    Action("kms.key.read", "read what is known of a key", "consulter la fiche d'une clé", (KEY,)),
    Action("kms.key.rotate", "rotate a key", "faire la rotation d'une clé", (KEY,)),
    Action("kms.key.disable", "disable a key", "désactiver une clé", (KEY,)),
    Action("kms.key.enable", "enable a disabled key", "réactiver une clé", (KEY,)),
    four_eyes("kms.key.destroy", "destroy a key for good", "détruire définitivement une clé", KEY, Role.KEY_CUSTODIAN),
    Action(
        "kms.key.cancel-destruction",
        "cancel the scheduled destruction of a key",
        "annuler la destruction programmée d'une clé",
        (KEY,),
    ),
    Action("kms.key.import", "import a key made elsewhere", "importer une clé créée ailleurs", (PLATFORM, KEY)),
    four_eyes("kms.key.export", "export a key", "exporter une clé", KEY, Role.SECURITY_OFFICER),
    Action("kms.key.rewrap", "rewrap data keys", "ré-envelopper des clés de données", (PLATFORM, KEY)),
    Action(
        "kms.key.use",
        "keep objects under a key that one names",
        "conserver des objets sous une clé que l'on désigne",
        (KEY,),
    ),
    Action("kms.service.seal", "seal the key service", "sceller le service de clés", (PLATFORM,)),
    Action("kms.service.status", "see the state of the key service", "voir l'état du service de clés", (PLATFORM,)),
)
