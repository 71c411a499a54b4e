"""Actions on a person's factors."""

from nexus.iam.tables.action import IDENTITY, PLATFORM, Action

ACTIONS: tuple[Action, ...] = (
    Action("iam.passkey.register", "register a passkey", "enregistrer une passkey", (IDENTITY,), patient=True),
    Action(
        "iam.passkey.list",
        "list the passkeys of a person",
        "lister les passkeys d'une personne",
        (IDENTITY,),
        patient=True,
    ),
    Action("iam.passkey.rename", "rename a passkey", "renommer une passkey", (IDENTITY,), patient=True),
    Action("iam.passkey.remove", "remove a passkey", "retirer une passkey", (IDENTITY,), patient=True),
    Action("iam.password.remove", "go without a password", "se passer de mot de passe", (IDENTITY,), patient=True),
    Action("iam.federation.link", "link an outside account", "lier un compte extérieur", (IDENTITY,)),
    Action(
        "iam.federation.list",
        "list the outside accounts of a person",
        "lister les comptes extérieurs d'une personne",
        (IDENTITY,),
    ),
    Action("iam.federation.unlink", "end the link to an outside account", "délier un compte extérieur", (IDENTITY,)),
    Action(
        "iam.device.enrol",
        "let a device's certificate count for an identity",
        "admettre le certificat d'un appareil pour une identité",
        (IDENTITY,),
    ),
    Action(
        "iam.agreement.list",
        "list the tools that a person agreed to be known to",
        "lister les outils auxquels une personne a donné son accord",
        (IDENTITY,),
    ),
    Action(
        "iam.agreement.end",
        "end a person's agreement with a tool",
        "retirer l'accord donné à un outil",
        (IDENTITY,),
    ),
    Action("iam.device.list", "list the devices of an identity", "lister les appareils d'une identité", (IDENTITY,)),
    Action("iam.device.revoke", "revoke a device's certificate", "révoquer le certificat d'un appareil", (IDENTITY,)),
    Action("iam.step-up.prove", "prove a fresh factor", "prouver de nouveau un facteur", (PLATFORM,), patient=True),
)
