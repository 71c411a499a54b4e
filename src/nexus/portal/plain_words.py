"""The words of the platform, in words for people who are not of the trade."""

from collections.abc import Mapping
from typing import Final

from nexus.portal.wording import spoken
from nexus.web.browser.language import Bilingual

PURPOSES: Final[Mapping[str, Bilingual[str]]] = {
    "care": spoken("Your care", "Vos soins"),
    "research": spoken("Research", "La recherche"),
    "public-health": spoken("Public health", "La santé publique"),
    "policy-making": spoken("Health policy", "Les politiques de santé"),
    "statistics": spoken("Official statistics", "Les statistiques officielles"),
    "education": spoken("Teaching", "L'enseignement"),
    "care-improvement": spoken("Better care for others", "De meilleurs soins pour d'autres"),
    "quality": spoken("Quality of the hospital", "La qualité de l'hôpital"),
    "operation": spoken("Running this service", "Le fonctionnement de ce service"),
    "security": spoken("Security", "La sécurité"),
    "audit": spoken("Supervision", "La surveillance"),
    "compliance": spoken("Obligations of the law", "Les obligations de la loi"),
}
PURPOSE_HELP: Final[Mapping[str, Bilingual[str]]] = {
    "research": spoken(
        "Scientists look for causes and treatments of diseases. They do not know your name.",
        "Des scientifiques cherchent les causes des maladies et des traitements. Ils ne connaissent pas votre nom.",
    ),
    "public-health": spoken(
        "To see epidemics coming, and protect the population.",
        "Pour voir venir les épidémies et protéger la population.",
    ),
    "policy-making": spoken(
        "So that the State decides on health knowing the facts.",
        "Pour que l'État décide de la santé en connaissant les faits.",
    ),
    "statistics": spoken("Figures that a country publishes on health.", "Les chiffres qu'un pays publie sur la santé."),
    "education": spoken(
        "To train doctors, nurses and other professionals.", "Pour former médecins, infirmiers et autres soignants."
    ),
    "care-improvement": spoken(
        "What was learned from you helps to care for other patients.",
        "Ce que votre dossier a appris aide à soigner d'autres patients.",
    ),
    "quality": spoken("The hospital looks at how well it works.", "L'hôpital regarde s'il travaille bien."),
}
SECONDARY: Final = tuple(PURPOSE_HELP)
"""Uses that patients decide about one by one: everything that is not their own care."""

CATEGORIES: Final[Mapping[str, Bilingual[str]]] = {
    "genetic": spoken("Genetic data", "Données génétiques"),
    "mental-health": spoken("Mental health", "Santé mentale"),
    "sexual-health": spoken("Sexual health", "Santé sexuelle"),
    "hiv": spoken("HIV", "VIH"),
    "substance-use": spoken("Alcohol, drugs and other addictions", "Alcool, drogues et autres addictions"),
    "violence": spoken("Violence suffered", "Violences subies"),
    "summary": spoken("Summary of my file", "Résumé du dossier"),
    "prescriptions": spoken("Prescriptions", "Ordonnances"),
    "imaging": spoken("Imaging: scans, X-rays", "Imagerie : scanners, radiographies"),
    "laboratory": spoken("Laboratory results", "Analyses de laboratoire"),
    "reports": spoken("Letters and reports", "Courriers et comptes rendus"),
    "administrative": spoken("Stays and reimbursements", "Séjours et remboursements"),
    "devices": spoken("Implants and medical devices", "Implants et appareils médicaux"),
    "wellness": spoken("Well-being applications", "Applications de bien-être"),
    "registries": spoken("Registries and biobanks", "Registres et biobanques"),
}

ACTIONS: Final[Mapping[str, Bilingual[str]]] = {
    "objects.object.read": spoken("read data of yours", "a lu des données de votre dossier"),
    "objects.version.read": spoken("read earlier data of yours", "a lu des données anciennes de votre dossier"),
    "objects.object.write": spoken("added data to your file", "a ajouté des données à votre dossier"),
    "objects.object.delete": spoken("removed data of yours", "a supprimé des données de votre dossier"),
    "objects.subject.holdings": spoken("looked at what is held of you", "a consulté ce que l'on détient sur vous"),
    "objects.subject.erase": spoken("erased data of yours", "a effacé des données de votre dossier"),
    "pseudonyms.person.recontact": spoken(
        "looked up who you are, to contact you about a study",
        "a recherché qui vous êtes, pour vous contacter au sujet d'une étude",
    ),
    "pseudonyms.person.emergency": spoken(
        "looked up who you are, in a medical emergency", "a recherché qui vous êtes, pour une urgence médicale"
    ),
    "consent.own.decide": spoken("changed your choices", "a modifié vos choix"),
    "consent.own.withdraw": spoken("withdrew a permission", "a retiré une autorisation"),
    "consent.own.object": spoken("refused every use beyond your care", "a refusé tout usage autre que vos soins"),
    "consent.own.lift-objection": spoken("lifted the general refusal", "a levé le refus général"),
    "consent.own.ask": spoken("asked the hospital for something", "a fait une demande à l'hôpital"),
    "consent.request.file": spoken("filed a request of yours", "a enregistré une demande de votre part"),
    "consent.request.read": spoken("read your request", "a lu votre demande"),
    "consent.request.extend": spoken("took more time for your request", "a prolongé le délai de votre demande"),
    "consent.request.answer": spoken("answered your request", "a répondu à votre demande"),
    "consent.decision.record": spoken("recorded a choice made on paper", "a enregistré un choix fait sur papier"),
    "consent.decision.correct": spoken("corrected a recorded choice", "a corrigé un choix enregistré"),
    "consent.representative.appoint": spoken("recorded who decides", "a enregistré qui décide"),
    "consent.representative.end": spoken("ended a power to decide", "a mis fin à un pouvoir de décider"),
    "consent.own.read": spoken("looked at your choices", "a consulté vos choix"),
    "consent.own.accesses": spoken("looked at this list", "a consulté cette liste"),
    "consent.own.proof": spoken("checked an entry of this list", "a vérifié une ligne de cette liste"),
    "consent.subject.register": spoken("opened your file here", "a ouvert votre dossier ici"),
    "consent.subject.find": spoken("looked for your file", "a cherché votre dossier"),
    "consent.effective.read": spoken("looked at what you permit", "a consulté ce que vous autorisez"),
    "consent.enrolment.create": spoken("made a letter with a code", "a préparé un courrier avec un code"),
}
TRIED: Final[Mapping[str, Bilingual[str]]] = {
    "objects.object.read": spoken("wanted to read data of yours", "a voulu lire des données de votre dossier"),
    "objects.version.read": spoken("wanted to read data of yours", "a voulu lire des données de votre dossier"),
}
"""What was refused."""
OTHER: Final = spoken("used your file", "a utilisé votre dossier")
OTHER_TRIED: Final = spoken("wanted to use your file", "a voulu utiliser votre dossier")
WHO: Final[Mapping[str, Bilingual[str]]] = {
    "person": spoken("Somebody", "Une personne"),
    "machine": spoken("A program", "Un programme"),
    "system": spoken("This service itself", "Ce service lui-même"),
    "anonymous": spoken("Somebody who did not sign in", "Quelqu'un qui ne s'est pas connecté"),
}
REASONS: Final[Mapping[str, Bilingual[str]]] = {
    "permitted": spoken("because you permitted it", "parce que vous l'avez autorisé"),
    "care": spoken("for your care", "pour vos soins"),
    "public-interest": spoken(
        "because it is of public interest and you did not object",
        "parce que c'est d'intérêt public et que vous ne vous y êtes pas opposé",
    ),
    "emergency": spoken("in an emergency", "en urgence"),
    "objection": spoken("because you refused every use beyond your care", "à cause de votre refus général"),
    "denied": spoken("because you refused it", "parce que vous l'avez refusé"),
    "withdrawn": spoken("because you withdrew your permission", "parce que vous avez retiré votre autorisation"),
    "expired": spoken("because your permission had ended", "parce que votre autorisation avait pris fin"),
    "not-covered": spoken("because you permitted something else", "parce que vous aviez autorisé autre chose"),
    "no-decision": spoken("because you did not permit it", "parce que vous ne l'avez pas autorisé"),
    "purpose": spoken("because nobody may read for that", "parce que nul ne peut lire pour cela"),
}
SHORT: Final = 3
"""Letters of a word that is likely an abbreviation."""


def place(name: str) -> str:
    """`chu-lyon` as people write it: CHU Lyon."""
    return " ".join(word.upper() if len(word) <= SHORT else word.capitalize() for word in name.split("-") if word)
