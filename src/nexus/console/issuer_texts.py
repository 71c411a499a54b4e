"""What people read on the issuer's pages."""

from dataclasses import dataclass
from typing import Final

from nexus.web.browser.language import Bilingual


@dataclass(frozen=True, slots=True)
class ConsentTexts:
    """Before somebody goes on to a tool."""

    title: str
    intro: str
    address: str
    learns: str
    check: str
    yes: str
    no: str


CONSENT: Final = Bilingual(
    ConsentTexts(
        title="Sign in to {client}?",
        intro="{client} asks who you are. It is registered with this platform by a security officer.",
        address="You will be sent to",
        learns="It will learn",
        check="Did you not come from this tool yourself? Then say no.",
        yes="Sign in to {client}",
        no="No, go back",
    ),
    ConsentTexts(
        title="Se connecter à {client} ?",
        intro="{client} demande qui vous êtes. Cet outil a été enregistré ici par un responsable de la sécurité.",
        address="Vous serez envoyé vers",
        learns="Cet outil apprendra",
        check="Vous ne venez pas de cet outil ? Alors refusez.",
        yes="Se connecter à {client}",
        no="Non, revenir",
    ),
)

SCOPES: Final = {
    "openid": Bilingual("that you are signed in, how and when", "que vous êtes connecté, comment et quand"),
    "profile": Bilingual("your name and your login", "votre nom et votre identifiant"),
    "email": Bilingual("your e-mail address", "votre adresse électronique"),
    "roles": Bilingual("the roles that you hold now", "les rôles que vous détenez actuellement"),
    "storage": Bilingual(
        "and it may act on stored objects in your name, while you are signed in",
        "et il pourra agir en votre nom sur les objets stockés, tant que vous êtes connecté",
    ),
}
"""What a tool learns by each scope, or may do."""


@dataclass(frozen=True, slots=True)
class GoodbyeTexts:
    """Signing out from a tool."""

    title: str
    intro: str
    yes: str
    stay: str
    done: str
    done_intro: str
    home: str


GOODBYE: Final = Bilingual(
    GoodbyeTexts(
        title="Sign out everywhere?",
        intro="A tool asks to sign you out. Your session here ends, and with it that of every tool you signed in to from it.",
        yes="Sign out",
        stay="Stay signed in",
        done="You are signed out",
        done_intro="Your session has ended here and in every tool that you signed in to from it.",
        home="Home page",
    ),
    GoodbyeTexts(
        title="Se déconnecter partout ?",
        intro="Un outil demande votre déconnexion. Votre session se ferme ici, et dans chaque outil ouvert avec elle.",
        yes="Se déconnecter",
        stay="Rester connecté",
        done="Vous êtes déconnecté",
        done_intro="Votre session est fermée ici et dans chaque outil ouvert avec elle.",
        home="Page d'accueil",
    ),
)


@dataclass(frozen=True, slots=True)
class OnwardTexts:
    """A page that leads on to a tool by itself."""

    title: str
    link: str


ONWARD: Final = Bilingual(
    OnwardTexts(title="On to the tool", link="Go on, if nothing happens"),
    OnwardTexts(title="Vers l'outil", link="Continuer, si rien ne se passe"),
)


@dataclass(frozen=True, slots=True)
class RefusalTexts:
    """A tool asked for something that it may not have."""

    title: str
    advice: str
    code: str
    operation: str
    home: str


REFUSAL: Final = Bilingual(
    RefusalTexts(
        title="This tool cannot sign you in",
        advice="What it asked for does not fit its registration here, so you were not sent back to it. Tell those who run"
        " the tool, and give them this number.",
        code="Error",
        operation="Operation",
        home="Home page",
    ),
    RefusalTexts(
        title="Cet outil ne peut pas vous connecter",
        advice="Sa demande ne correspond pas à son enregistrement ici ; vous n'y avez donc pas été renvoyé. Signalez-le à"
        " l'exploitant de l'outil, avec ce numéro.",
        code="Erreur",
        operation="Opération",
        home="Page d'accueil",
    ),
)


@dataclass(frozen=True, slots=True)
class DeviceTexts:
    """Letting a command line in."""

    title: str
    intro: str
    code: str
    code_help: str
    go_on: str
    unknown: str
    confirm: str
    where: str
    elsewhere: str
    when: str
    asked: str
    warning: str
    yes: str
    no: str
    let_in: str
    let_in_intro: str
    kept_out: str
    kept_out_intro: str


DEVICE: Final = Bilingual(
    DeviceTexts(
        title="Sign in a command line",
        intro="Type the code that your own terminal shows. Nobody else has a reason to give you such a code.",
        code="Code",
        code_help="Eight letters, such as BCDF-GHJK.",
        go_on="Go on",
        unknown="No such code waits. Look at your terminal again; a code ends after ten minutes.",
        confirm="Let this command line act as you?",
        where="It asks from",
        elsewhere="This is not the address of your browser. Is it the machine that you are working on?",
        when="Since",
        asked="It calls itself",
        warning="Somebody on the telephone or in a message asks you to confirm? Then it is an attack: say no.",
        yes="Yes, I started it myself",
        no="No, keep it out",
        let_in="The command line is signed in",
        let_in_intro="You can close this page. `nexus logout` ends it, and so does the list of your sessions.",
        kept_out="The command line was kept out",
        kept_out_intro="If you did not start it, tell a security officer.",
    ),
    DeviceTexts(
        title="Connecter une ligne de commande",
        intro="Saisissez le code affiché par votre propre terminal. Personne d'autre n'a de raison de vous en donner un.",
        code="Code",
        code_help="Huit lettres, par exemple BCDF-GHJK.",
        go_on="Continuer",
        unknown="Aucun code de ce genre n'attend. Vérifiez votre terminal ; un code expire après dix minutes.",
        confirm="Laisser cette ligne de commande agir en votre nom ?",
        where="Demande venue de",
        elsewhere="Ce n'est pas l'adresse de votre navigateur. Est-ce bien la machine sur laquelle vous travaillez ?",
        when="Depuis",
        asked="Elle se présente comme",
        warning="Quelqu'un vous demande au téléphone ou par message de confirmer ? C'est une attaque : refusez.",
        yes="Oui, je l'ai lancée moi-même",
        no="Non, la refuser",
        let_in="La ligne de commande est connectée",
        let_in_intro="Vous pouvez fermer cette page. `nexus logout` y met fin, tout comme la liste de vos sessions.",
        kept_out="La ligne de commande a été refusée",
        kept_out_intro="Si vous ne l'avez pas lancée, prévenez un responsable de la sécurité.",
    ),
)
