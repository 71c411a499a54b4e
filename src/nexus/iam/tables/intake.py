"""Actions on what sites deliver. A provider is its ingress bucket, as far as rights go."""

from nexus.iam.tables.action import BUCKET, PLATFORM, Action

ACTIONS: tuple[Action, ...] = (
    Action("intake.provider.register", "register a provider of extracts", "enregistrer un fournisseur", (BUCKET,)),
    Action("intake.provider.list", "list providers of extracts", "lister les fournisseurs", (PLATFORM,)),
    Action(
        "intake.provider.read",
        "see a provider and what is agreed with it",
        "consulter un fournisseur et le format convenu",
        (BUCKET,),
    ),
    Action(
        "intake.provider.agree",
        "agree with a provider on the form of deliveries",
        "convenir du format des livraisons d'un fournisseur",
        (BUCKET,),
    ),
    Action(
        "intake.provider.end",
        "end the deliveries of a provider",
        "mettre fin aux livraisons d'un fournisseur",
        (BUCKET,),
    ),
    Action("intake.delivery.submit", "hand a delivery in", "remettre une livraison", (BUCKET,)),
    Action(
        "intake.delivery.read",
        "see deliveries, their reports and receipts",
        "consulter les livraisons, leurs rapports et récépissés",
        (BUCKET,),
    ),
    Action("intake.delivery.accept", "accept a delivery", "accepter une livraison", (BUCKET,)),
    Action("intake.delivery.refuse", "refuse a delivery", "refuser une livraison", (BUCKET,)),
)
