"""A fresh factor in the browser: where an operation asks for one, the person proves it, and the same form is sent again.

1. A page's operation is refused with `iam.step-up-needed` and a digest. The door answers with one page, the same for
   all: it holds what the form held, the digest, and a challenge that commits to it.
2. That page sends the form to where it was going, with a passkey's answer or a code beside what it held.
3. `proof_in` makes a proof of it for exactly that digest; the page's handler runs as if nothing had been asked.

Nothing is kept here between the two requests. If the form comes back changed, the proof is for other content, and the
dispatcher refuses.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from nexus.kernel.errors import NexusError, StepUpNeeded
from nexus.web.browser import forgery
from nexus.web.browser.operations import Document
from nexus.web.browser.visit import BrowserVisit

PREFIX: Final = "step-up-"
"""What the fields of the fresh factor begin with; no page uses it for its own."""
ANSWER: Final = ("credential", "client_data", "authenticator_data", "signature", "user_handle")
"""The fields of a passkey's answer."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the page holds that asks for a fresh factor."""

    begun: Document
    """The challenge, and which factors there are."""
    kept: Sequence[tuple[str, str]]
    """What the form held."""
    digest: str
    again: bool
    """Whether a factor was refused just now."""


async def proof_in(visit: BrowserVisit) -> str:
    """The proof of the fresh factor that a form brings; empty if it brings none. Raises Refused."""
    digest = _field(visit, "digest")
    if not digest:
        return ""
    code = "".join(_field(visit, "code").split())
    factor = {"totp": code} if code else {"assertion": {name: _field(visit, name) for name in ANSWER}}
    done = await visit.operations.call("iam.step-up.prove", {"digest": digest, **factor}, visit.sender())
    proof: str = done.document["proof"]
    return proof


def wanted(visit: BrowserVisit, error: NexusError) -> str:
    """The digest that a refused form has to prove a factor for; empty if that would not help."""
    if visit.request.method != "POST" or visit.actor is None:
        return ""
    if isinstance(error, StepUpNeeded):
        return error.digest
    return _field(visit, "digest") if error.code in {"iam.wrong-factor", "iam.passkey-refused"} else ""


async def begin(visit: BrowserVisit, digest: str) -> Asked:
    """What to ask for, and what to keep meanwhile. Raises Refused."""
    begun = (await visit.operations.call("iam.step-up.begin", {"digest": digest}, visit.sender())).document
    kept = [
        (name, value)
        for name in visit.form.names()
        if not name.startswith(PREFIX) and name != forgery.FIELD
        for value in visit.form.texts(name)
    ]
    return Asked(begun, kept, digest, bool(_field(visit, "digest")))


def _field(visit: BrowserVisit, name: str) -> str:
    return visit.form.text(PREFIX + name)
