"""What operations are called in the console: their own summary in English, in French their action's phrase."""

from collections.abc import Mapping
from typing import Final

from nexus.iam.actions import ACTIONS
from nexus.kernel.operation import OperationSpec
from nexus.web.browser.language import Bilingual

FRENCH: Final[Mapping[str, str]] = {
    "consent.decision.receipt": "Obtenir le récépissé signé de la décision d'un patient",
    "consent.own.requests": "Voir ce que l'on a demandé à l'établissement et le délai de réponse",
    "iam.access-request.grant": "Accorder le rôle demandé",
    "iam.access-request.grant-privileged": "Accorder le rôle privilégié demandé",
    "iam.break-glass.end": "Mettre fin à un accès d'urgence avant son terme",
    "iam.elevation.end": "Rendre avant son terme un rôle pris pour un temps",
    "iam.eligibility.grant": "Permettre de prendre un rôle pour un temps",
    "iam.eligibility.grant-privileged": "Permettre de prendre un rôle privilégié pour un temps",
    "iam.eligibility.list": "Lister les rôles que l'on peut prendre pour un temps",
    "iam.eligibility.revoke": "Retirer la possibilité de prendre un rôle",
    "iam.enrolment.confirm": "Prouver le second facteur et devenir actif",
    "iam.enrolment.start": "Choisir un mot de passe et recevoir le second facteur",
    "iam.federation.begin": "Commencer à se connecter chez un émetteur extérieur",
    "iam.federation.begin-link": "Commencer à lier un compte extérieur",
    "iam.federation.complete": "Se connecter par la réponse d'un émetteur extérieur",
    "iam.federation.issuers": "Lister les émetteurs extérieurs",
    "iam.passkey.begin": "Commencer l'enregistrement d'une passkey",
    "iam.passkey.challenge": "Demander un défi pour se connecter par passkey",
    "iam.passkey.register": "Terminer l'enregistrement d'une passkey",
    "iam.passkey.sign-in": "Se connecter par une passkey seule",
    "iam.patient.begin": "Présenter le code à usage unique d'un courrier d'hôpital",
    "iam.patient.confirm": "Prouver le second facteur d'un compte de patient et l'ouvrir",
    "iam.patient.with-passkey": "Ouvrir un compte de patient avec une passkey",
    "iam.patient.with-password": "Choisir le mot de passe d'un compte de patient",
    "iam.session.create": "Se connecter par mot de passe et second facteur",
    "iam.step-up.begin": "Demander comment prouver de nouveau un facteur",
    "iam.step-up.prove": "Prouver de nouveau un facteur, pour un seul contenu",
    "intake.delivery.list": "Lister les livraisons d'un fournisseur",
    "intake.delivery.receipt": "Obtenir le récépissé signé d'une livraison",
    "releases.release.compare": "Comparer deux jeux de données d'un projet",
    "releases.release.list": "Lister les jeux de données d'un projet",
    "releases.release.manifest": "Obtenir le manifeste signé d'un jeu de données",
    "catalogue.dataset.list": "Lister les jeux de données du catalogue, et ceux qui n'y sont pas",
    "kms.key.import-parameters": "Obtenir une clé de transport pour importer une clé",
    "kms.key.import-version": "Faire la rotation d'une clé importée",
    "kms.rewrap.list": "Suivre le ré-enveloppement des clés de données",
    "kms.service.unseal": "Desceller le service de clés",
    "objects.bucket.set-versioning": "Activer ou suspendre la gestion des versions d'un compartiment",
    "objects.manifest.put": "Nommer les patients d'objets qui contiennent les données de plusieurs",
    "objects.bucket.usage": "Voir combien contient un compartiment",
    "objects.bucket.set-quota": "Fixer ou lever le quota d'un compartiment",
    "objects.tenant.set-quota": "Fixer ou lever le quota d'un établissement, ou d'un projet dans un établissement",
}
"""Where several operations share an action, or the phrase does not say what this one does."""
SERVICES: Final[Mapping[str, Bilingual[str]]] = {
    "iam": Bilingual("Identity and rights", "Identités et droits"),
    "kms": Bilingual("Keys", "Clés"),
    "objects": Bilingual("Buckets", "Compartiments"),
    "audit": Bilingual("Audit log", "Journal de traçabilité"),
    "platform": Bilingual("Platform", "Plateforme"),
    "bastion": Bilingual("Bastion", "Bastion"),
    "consent": Bilingual("Consent", "Consentement"),
    "portal": Bilingual("Patients' portal", "Portail des patients"),
    "projects": Bilingual("Projects", "Projets"),
    "intake": Bilingual("Deliveries", "Livraisons"),
    "releases": Bilingual("Releases", "Jeux de données"),
    "catalogue": Bilingual("Public catalogue", "Catalogue public"),
    "pseudonyms": Bilingual("Pseudonyms", "Pseudonymes"),
}
"""The services, in the order of the list of operations."""


def title_of(spec: OperationSpec) -> Bilingual[str]:
    """The name of an operation."""
    action = ACTIONS.get(spec.action)
    phrase = FRENCH.get(spec.name) or (action.phrase if action else spec.summary)
    return Bilingual(spec.summary, phrase[:1].upper() + phrase[1:])


def service_of(name: str) -> Bilingual[str]:
    """The name of a service."""
    return SERVICES.get(name, Bilingual(name, name))
