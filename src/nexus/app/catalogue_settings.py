"""Settings of the public catalogue. (One chain of parts: records of msgspec have one parent.)"""

from typing import Annotated

from nexus.app.pseudonym_settings import PseudonymSettings
from nexus.app.setting import doc

CONTACT = "^((mailto:[A-Za-z0-9._+-]+@[A-Za-z0-9.-]+|https://[A-Za-z0-9.:/_~-]+))?$"


class CatalogueSettings(PseudonymSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who answers for the datasets of this platform, to everybody."""

    catalogue_publisher: Annotated[
        str,
        doc(
            "Legal person that holds the data, as the public catalogue names it. Empty: there is no catalogue. The patient portal"
            " shows it at `/catalogue`.",
            max_length=200,
        ),
    ] = ""
    catalogue_contact: Annotated[
        str, doc("How anybody reaches it about datasets: a `mailto:` or `https:` address.", pattern=CONTACT)
    ] = ""
    catalogue_access_body: Annotated[
        str, doc("The health data access body that decides about access (EHDS article 55).", max_length=200)
    ] = ""
    catalogue_access_body_contact: Annotated[
        str, doc("How anybody reaches that body: a `mailto:` or `https:` address.", pattern=CONTACT)
    ] = ""
    catalogue_country: Annotated[
        str, doc("Country that the data are about, in three letters.", pattern="^[A-Z]{3}$")
    ] = "FRA"
