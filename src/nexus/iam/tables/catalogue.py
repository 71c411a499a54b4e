"""Actions on the public catalogue of datasets."""

from nexus.iam.tables.action import PLATFORM, Action

ACTIONS: tuple[Action, ...] = (
    Action(
        "catalogue.dataset.describe",
        "describe a dataset for the public catalogue",
        "décrire un jeu de données pour le catalogue public",
        (PLATFORM,),
    ),
    Action(
        "catalogue.dataset.read",
        "see the datasets of the catalogue, published or not",
        "consulter les jeux de données du catalogue, publiés ou non",
        (PLATFORM,),
    ),
    Action(
        "catalogue.dataset.publish",
        "show a dataset to everybody",
        "publier un jeu de données dans le catalogue",
        (PLATFORM,),
    ),
    Action(
        "catalogue.dataset.withdraw",
        "take a dataset out of the public catalogue",
        "retirer un jeu de données du catalogue public",
        (PLATFORM,),
    ),
)
