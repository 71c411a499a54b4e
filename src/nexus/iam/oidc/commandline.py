"""The platform's own command line as a client of the issuer: known to every installation, registered by nobody.

It can keep no secret, so it is public; it is let in by the device flow alone, and its tokens are bound to its key.
"""

from typing import Final

from nexus.iam.oidc.model import Client, ClientAuthentication, Registration, Scope
from nexus.kernel.clock import Instant

CLIENT_ID: Final = "nexus-cli"
COMMAND_LINE: Final = Client(
    CLIENT_ID,
    Registration(
        name="nexus (command line)",
        authentication=ClientAuthentication.NONE,
        scopes=(Scope.OPENID,),
        refresh=True,
    ),
    None,
    "nexus",
    Instant(0),
)
"""Its access tokens are the only ones that open the REST door: those of other tools are for the tools."""
