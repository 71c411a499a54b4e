"""Settings of how strongly people and tools prove who they are, where the strongest way is demanded of everybody."""

from typing import Annotated

from nexus.app.setting import doc
from nexus.app.watch_settings import WatchSettings


class AssuranceSettings(WatchSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What OWASP ASVS asks for at level 3, and not every installation can have at once."""

    passkeys_only: Annotated[
        bool,
        doc(
            "Persons act only in sessions that were opened with a passkey. Password and code register the first one, and open"
            " nothing more for whoever has one. Patients at their portal are not held."
        ),
    ] = False
    strict_tools: Annotated[
        bool,
        doc(
            "Every tool that signs people in pushes its requests (PAR), receives tokens bound to a key (DPoP) only, and proves"
            " itself by a key pair (`private_key_jwt`). Tools that were registered otherwise stop working."
        ),
    ] = False
