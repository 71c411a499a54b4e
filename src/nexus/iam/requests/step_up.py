"""Step-up: what its operations take and return."""

from nexus.iam.requests.forms import Request, Result
from nexus.kernel.clock import Instant
from nexus.kernel.secret import Secret


class BeginStepUp(Request, frozen=True, kw_only=True):
    """`digest` names the content: the answer that asked for a fresh factor says it."""

    digest: str


class StepUpChallenge(Result, frozen=True, kw_only=True):
    """How the fresh factor may be proved. `challenge` commits to the digest; `allow` are one's passkeys, if any."""

    challenge: bytes
    rp_id: str
    origin: str
    """The address whose pages may use a passkey for it."""
    allow: tuple[bytes, ...]
    totp: bool
    """Whether a code of the authenticator application is taken too."""
    expires_at: Instant


class Assertion(Request, frozen=True, kw_only=True):
    """What a passkey answered to the challenge."""

    credential: bytes
    client_data: bytes
    authenticator_data: bytes
    signature: bytes
    user_handle: bytes = b""


class ProveStepUp(Request, frozen=True, kw_only=True):
    """A fresh factor for one content: either a code of the authenticator application or a passkey's answer."""

    digest: str
    totp: Secret | None = None
    assertion: Assertion | None = None


class StepUpProof(Result, frozen=True, kw_only=True):
    """`proof` goes into the header `Nexus-Step-Up` of the request that it is for: once, within two minutes."""

    proof: Secret
    expires_at: Instant
