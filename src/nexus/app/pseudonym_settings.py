"""Settings of pseudonyms. (One chain of parts: records of msgspec have one parent.)"""

from typing import Annotated

from nexus.app.assurance_settings import AssuranceSettings
from nexus.app.setting import doc


class PseudonymSettings(AssuranceSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether this machine makes pseudonyms."""

    pseudonyms: Annotated[
        bool,
        doc(
            "Run the two services of pseudonyms on this machine: two processes, each with its own database and keys. Needed"
            " where identities come in; off, what asks for pseudonyms is refused."
        ),
    ] = False
