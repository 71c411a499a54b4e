"""Actions on buckets and objects."""

from nexus.iam.model import Role
from nexus.iam.tables.action import BUCKET, PLATFORM, SUBJECT, Action, four_eyes

ACTIONS: tuple[Action, ...] = (
    Action("objects.bucket.create", "create a bucket", "créer un compartiment", (BUCKET,)),
    Action("objects.bucket.list", "list buckets", "lister les compartiments", (PLATFORM, BUCKET)),
    Action(
        "objects.bucket.read", "read the settings of a bucket", "lire la configuration d'un compartiment", (BUCKET,)
    ),
    Action("objects.bucket.delete", "delete an empty bucket", "supprimer un compartiment vide", (BUCKET,)),
    Action("objects.bucket.configure", "change the settings of a bucket", "configurer un compartiment", (BUCKET,)),
    Action(
        "objects.usage.read",
        "see what tenants hold and how it grows",
        "voir ce que contiennent les espaces et leur croissance",
        (PLATFORM,),
    ),
    Action("objects.quota.set", "set and lift quotas", "fixer et lever les quotas", (PLATFORM, BUCKET)),
    Action(
        "objects.bucket.declare-subjects",
        "say what data of patients a bucket holds",
        "dire quelles données de patients contient un compartiment",
        (BUCKET,),
    ),
    Action(
        "objects.subject.change",
        "say whose data an object is",
        "dire de quel patient sont les données d'un objet",
        (BUCKET,),
    ),
    Action(
        "objects.subject.holdings",
        "see what is held of a patient, and where",
        "voir quelles données d'un patient sont conservées, et où",
        (SUBJECT,),
        patient=True,
    ),
    Action(
        "objects.withdrawal.reached",
        "see what a patient's withdrawals have reached",
        "voir ce que les retraits d'un patient ont atteint",
        (SUBJECT,),
        patient=True,
    ),
    four_eyes(
        "objects.subject.erase",
        "erase what is held of a patient",
        "effacer les données d'un patient",
        SUBJECT,
        Role.SECURITY_OFFICER,
    ),
    Action("objects.object.list", "list the objects of a bucket", "lister les objets d'un compartiment", (BUCKET,)),
    Action("objects.object.read", "read objects", "lire des objets", (BUCKET,)),
    Action("objects.object.write", "write objects", "écrire des objets", (BUCKET,)),
    Action("objects.object.delete", "delete objects", "supprimer des objets", (BUCKET,)),
    Action("objects.version.list", "list the versions of objects", "lister les versions des objets", (BUCKET,)),
    Action("objects.version.read", "read earlier versions of objects", "lire des versions antérieures", (BUCKET,)),
    Action(
        "objects.version.delete",
        "delete versions of objects for good",
        "supprimer définitivement des versions d'objets",
        (BUCKET,),
    ),
    Action(
        "objects.object.lock",
        "lay and prolong retentions and legal holds",
        "poser et prolonger des durées de conservation et des gels",
        (BUCKET,),
    ),
    Action(
        "objects.lock.bypass",
        "bypass a retention alone (nobody may)",
        "contourner seul une durée de conservation (personne ne peut)",
        (BUCKET,),
    ),
    four_eyes(
        "objects.lock.lift",
        "lift a retention or a legal hold",
        "lever une durée de conservation ou un gel",
        BUCKET,
        Role.SECURITY_OFFICER,
    ),
    Action("objects.upload.write", "upload objects in parts", "téléverser des objets en plusieurs parties", (BUCKET,)),
    Action("objects.upload.list", "list unfinished uploads", "lister les téléversements inachevés", (BUCKET,)),
    Action("objects.upload.abort", "abort an unfinished upload", "abandonner un téléversement", (BUCKET,)),
)
