"""What the command line says to people, in English and in French. Terms of the code and of the API stay English."""

from collections.abc import Mapping
from typing import Final

WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "generator.files": ("files", "fichiers"),
    "generator.rows": ("rows", "lignes"),
    "generator.speed": ("rows a second", "lignes par seconde"),
    "people.ask": ("Do all of this?", "Faire tout cela ?"),
    "people.nothing": ("accounts and file agree", "les comptes et le fichier concordent"),
    "approve.ask": ("Do you approve exactly this?", "Validez-vous exactement ceci ?"),
    "approve.left": ("approvals so far", "validations obtenues"),
    "ask.keyring": (
        "Passphrase for your sign-in on this machine",
        "Phrase secrète de votre connexion sur cette machine",
    ),
    "ask.code": ("Enrolment code", "Code d'enrôlement"),
    "ask.login": ("Login", "Identifiant"),
    "ask.new": ("New password", "Nouveau mot de passe"),
    "ask.again": ("The same again", "Le même, encore une fois"),
    "ask.passphrase": ("Passphrase of the platform", "Phrase secrète de la plateforme"),
    "ask.password": ("Password", "Mot de passe"),
    "ask.share": ("Your share", "Votre part"),
    "ask.totp": ("Code of your authenticator", "Code de votre application d'authentification"),
    "browser.code": ("and type this code:    ", "et saisissez ce code : "),
    "browser.open": ("Open this page:        ", "Ouvrez cette page :    "),
    "browser.waiting": ("Waiting for you in the browser", "En attente de votre confirmation dans le navigateur"),
    "browser.warning": (
        "Type the code only if you started this yourself; nobody will ever ask you for it.",
        "Ne saisissez ce code que si vous avez lancé cette commande ; personne ne vous le demandera jamais.",
    ),
    "done": ("Done", "Fait"),
    "empty": ("Nothing to show.", "Rien à afficher."),
    "enrol.done": ("You are enrolled. Sign in with", "Vous êtes enrôlé. Connectez-vous avec"),
    "enrol.scan": (
        "Scan this with your authenticator application, then enter its code.",
        "Scannez ceci avec votre application d'authentification, puis saisissez son code.",
    ),
    "exported": ("entries copied to", "entrées copiées vers"),
    "held.approve": ("to approve", "pour valider"),
    "held.execute": ("then, once approved", "puis, une fois validé"),
    "held.expires": ("expires", "expire"),
    "held.needs": ("needs", "requiert"),
    "held.title": ("Held for a second person", "En attente d'une seconde personne"),
    "held.what": ("what", "quoi"),
    "login.done": ("Signed in as", "Connecté en tant que"),
    "login.notices": ("something happened to your account:", "votre compte a fait l'objet d'événements :"),
    "login.until": ("until", "jusqu'au"),
    "logout.done": ("Signed out", "Déconnecté"),
    "logout.none": ("You were not signed in.", "Vous n'étiez pas connecté."),
    "more": ("more with", "la suite avec"),
    "once": (
        "Shown once, and kept nowhere: store it now.",
        "Affiché une seule fois et conservé nulle part : mettez-le en lieu sûr maintenant.",
    ),
    "operation": ("operation", "opération"),
    "pseudonyms.domain": ("domain", "domaine"),
    "pseudonyms.file": ("file", "fichier"),
    "pseudonyms.found": ("found", "trouvés"),
    "pseudonyms.mistyped": ("mistyped", "mal saisis"),
    "pseudonyms.none": ("No pseudonym; files searched:", "Aucun pseudonyme ; fichiers examinés :"),
    "pseudonyms.patients": ("distinct", "distincts"),
    "quality.allowed": ("allowed", "toléré"),
    "quality.broken": ("newly failed", "nouveaux échecs"),
    "quality.check": ("check", "contrôle"),
    "quality.failed": ("failed", "échoués"),
    "quality.mended": ("mended", "réparés"),
    "quality.not-applicable": ("not applicable", "sans objet"),
    "quality.passed": ("passed", "réussis"),
    "quality.passes": ("The release may pass", "La version peut être publiée"),
    "quality.severity": ("severity", "gravité"),
    "quality.share": ("share", "part"),
    "quality.stopped": ("The release is stopped", "La version est bloquée"),
    "quality.violated": ("violations", "écarts"),
    "saved": ("Written to", "Écrit dans"),
    "step-up.why": (
        "This needs a fresh factor, for exactly this and nothing else.",
        "Ceci demande un facteur tout juste prouvé, pour exactement ceci et rien d'autre.",
    ),
    "stopped": ("Stopped.", "Interrompu."),
    "unexpected": (
        "This is a fault of Nexus, not yours. Please report it with the lines below.",
        "C'est un défaut de Nexus, pas une erreur de votre part. Signalez-le avec les lignes ci-dessous.",
    ),
    "verify.how": ("Check it anywhere with", "Vérifiez-le n'importe où avec"),
    "verify.bad": ("This log does not verify", "Ce journal n'est pas intègre"),
    "verify.good": ("Everything verifies", "Tout est vérifié"),
    "verify.unpinned": (
        "Checked against the keys found beside it: this shows integrity, not origin. Give --policy from a trusted source.",
        "Vérifié avec les clés trouvées à côté : intégrité seulement, pas l'origine. Donnez --policy d'une source sûre.",
    ),
}


def say(key: str, *, french: bool) -> str:
    """The text for a key in the user's language."""
    return WORDS[key][french]
