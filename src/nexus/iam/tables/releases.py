"""Actions on releases: what a project reads, frozen."""

from nexus.iam.tables.action import PROJECT, Action

ACTIONS: tuple[Action, ...] = (
    Action(
        "releases.release.request",
        "have a release built for a project",
        "demander la construction d'un jeu de données pour un projet",
        (PROJECT,),
    ),
    Action(
        "releases.release.read",
        "see releases, their manifests and what differs between two",
        "consulter les jeux de données, leurs manifestes et leurs différences",
        (PROJECT,),
    ),
    Action(
        "releases.release.open",
        "open a release to its project",
        "ouvrir un jeu de données à son projet",
        (PROJECT,),
    ),
    Action(
        "releases.release.retire",
        "retire a release: destroy its key",
        "retirer un jeu de données : détruire sa clé",
        (PROJECT,),
    ),
)
