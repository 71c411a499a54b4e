"""Actions on patients' decisions. Those of patients themselves are `consent.own.*`."""

from nexus.iam.model import Role
from nexus.iam.tables.action import PLATFORM, REGISTER, SUBJECT, Action, four_eyes

ACTIONS: tuple[Action, ...] = (
    Action("consent.own.list", "see for whom one decides", "voir pour qui l'on décide", (PLATFORM,), patient=True),
    Action("consent.own.read", "see one's own decisions", "consulter ses propres décisions", (SUBJECT,), patient=True),
    Action(
        "consent.own.decide",
        "permit and refuse uses of one's own data",
        "autoriser et refuser des usages de ses propres données",
        (SUBJECT,),
        patient=True,
    ),
    Action(
        "consent.own.withdraw",
        "withdraw a permission of one's own",
        "retirer une autorisation que l'on a donnée",
        (SUBJECT,),
        patient=True,
    ),
    Action(
        "consent.own.object",
        "object to every secondary use of one's own data",
        "s'opposer à toute réutilisation de ses propres données",
        (SUBJECT,),
        patient=True,
    ),
    Action(
        "consent.own.lift-objection",
        "lift one's own objection",
        "lever sa propre opposition",
        (SUBJECT,),
        patient=True,
    ),
    Action(
        "consent.own.receipt",
        "get receipts of one's own decisions",
        "obtenir les récépissés de ses propres décisions",
        (SUBJECT,),
        patient=True,
    ),
    Action(
        "consent.own.ask",
        "ask one's site for access, rectification, erasure or portability",
        "demander à l'établissement l'accès, la rectification, l'effacement ou la portabilité",
        (SUBJECT,),
        patient=True,
    ),
    Action("consent.request.file", "file a request of a patient", "déposer la demande d'un patient", (SUBJECT,)),
    Action("consent.request.list", "list requests of patients", "lister les demandes de patients", (REGISTER,)),
    Action("consent.request.read", "read a request of a patient", "consulter la demande d'un patient", (SUBJECT,)),
    Action(
        "consent.request.extend",
        "take more time for a request of a patient",
        "prolonger le délai de la demande d'un patient",
        (SUBJECT,),
    ),
    Action("consent.request.answer", "answer a request of a patient", "répondre à la demande d'un patient", (SUBJECT,)),
    Action("consent.subject.register", "register a patient", "enregistrer un patient", (SUBJECT,)),
    Action("consent.subject.find", "find a patient of a site", "trouver un patient d'un établissement", (SUBJECT,)),
    Action(
        "consent.effective.read",
        "see what a patient permits",
        "consulter ce qu'un patient autorise",
        (SUBJECT,),
    ),
    Action(
        "consent.decision.record",
        "record what a patient decided on paper",
        "enregistrer une décision prise sur papier",
        (SUBJECT,),
    ),
    four_eyes(
        "consent.decision.correct",
        "correct a record of a patient's decision",
        "corriger l'enregistrement d'une décision",
        SUBJECT,
        Role.DATA_PROTECTION_OFFICER,
    ),
    Action(
        "consent.representative.appoint",
        "say who decides for a patient",
        "désigner qui décide pour un patient",
        (SUBJECT,),
    ),
    Action(
        "consent.representative.end",
        "end that somebody decides for a patient",
        "mettre fin au pouvoir de décider pour un patient",
        (SUBJECT,),
    ),
    Action("consent.withdrawal.list", "list withdrawals", "lister les retraits", (REGISTER,)),
    Action("consent.register.export", "export the register of decisions", "exporter le registre", (REGISTER,)),
)
