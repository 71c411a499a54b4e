"""Passkeys: what their operations take and return. Binary values are those of WebAuthn, in base 64 like all bytes."""

from nexus.iam.requests.forms import Request, Result
from nexus.kernel.clock import Instant
from nexus.kernel.secret import Secret


class BeginPasskey(Request, frozen=True, kw_only=True):
    """`name` is what its owner calls the passkey: "telephone", "blue key"."""

    identity: str
    name: str


class NewPasskey(Result, frozen=True, kw_only=True):
    """What `navigator.credentials.create` is asked for: a resident key, with user verification, no attestation."""

    challenge: bytes
    rp_id: str
    rp_name: str
    origin: str
    """The address whose pages may do it."""
    user_handle: bytes
    login: str
    display_name: str
    algorithms: tuple[int, ...]
    """COSE algorithms, the preferred one first."""
    exclude: tuple[bytes, ...]
    """Credentials that she has: an authenticator that holds one of them is not registered twice."""
    expires_at: Instant


class RegisterPasskey(Request, frozen=True, kw_only=True):
    """What the authenticator answered: `clientDataJSON` and `attestationObject`."""

    identity: str
    name: str
    client_data: bytes
    attestation: bytes


class PasskeyView(Result, frozen=True, kw_only=True):
    """A passkey. `synced`: its owner's other devices may hold it too. `suspended_at`: a copy of it was found out."""

    id: str
    identity: str
    name: str
    model: str
    synced: bool
    created_at: Instant
    last_used_at: Instant | None
    suspended_at: Instant | None


class Passkeys(Result, frozen=True, kw_only=True):
    """The passkeys of a person."""

    passkeys: tuple[PasskeyView, ...]


class RenamePasskey(Request, frozen=True, kw_only=True):
    """Another name for a passkey."""

    id: str
    name: str


class PasskeyChallenge(Result, frozen=True, kw_only=True):
    """What `navigator.credentials.get` is asked for. `allow` is empty at sign-in: whoever signs says who it is."""

    challenge: bytes
    rp_id: str
    origin: str
    """The address whose pages may do it."""
    allow: tuple[bytes, ...]
    expires_at: Instant


class SignInWithPasskey(Request, frozen=True, kw_only=True):
    """What the authenticator answered: the credential's raw id, `clientDataJSON`, `authenticatorData`, the rest."""

    credential: bytes
    client_data: bytes
    authenticator_data: bytes
    signature: bytes
    user_handle: bytes
    device: Secret | None = None
    """The device token that an earlier sign-in of this client returned, if any."""
