"""Who sends a request: claim, clock, key, signature, in this order; the key's owner is believed only at the end."""

import hmac
from base64 import b64encode
from collections.abc import Container, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256

import msgspec

from nexus.iam.model import AccessKey, Purpose
from nexus.kernel.clock import SECOND, Clock
from nexus.kernel.errors import Unauthenticated
from nexus.kernel.operation import ANONYMOUS, Actor
from nexus.kernel.secret import Secret
from nexus.objects.s3 import claim as claims
from nexus.objects.s3 import errors
from nexus.objects.s3.claim import Claim
from nexus.objects.s3.errors import Refusal
from nexus.objects.s3.http import Request, percent_decode
from nexus.objects.s3.ports import AccessKeys
from nexus.objects.s3.signature import SERVICE, SigningKey, SigningKeys, canonical_request, string_to_sign, uri_encode

MAX_SKEW_SECONDS = 15 * 60
"""How far a client's clock may be from ours."""
MAX_KNOWN_SECONDS = 256
"""Times of requests that are remembered as seconds: the many requests of one second name the same."""
UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"

_MUST_BE_SIGNED = ("x-amz-", "x-nexus-")
_SIGNATURE_PARAMETER = b"X-Amz-Signature"
_NOBODYS_SECRET = Secret(b"an unknown access key id is checked against this, so that it takes as long as a known one")


class Caller(msgspec.Struct, frozen=True):
    """An authenticated sender, and what the signatures of a signed body start from. Nobody signs as ANONYMOUS."""

    actor: Actor
    purpose: str
    claim: Claim | None = None
    signing_key: SigningKey | None = None
    key: AccessKey | None = None
    """What it was signed with."""

    @property
    def names_no_digest(self) -> bool:
        """Whether a request of this kind says nothing of its payload: presigned ones, and those of nobody."""
        return self.claim is None or self.claim.expires is not None


NOBODY = Caller(ANONYMOUS, Purpose.OPERATION)


class Authenticator:
    """Verifies signatures for one region. One for each worker."""

    def __init__(
        self,
        access_keys: AccessKeys,
        clock: Clock,
        region: str,
        *,
        anonymous: bool = False,
        legacy_forms: bool = False,
        regionless: Container[str] = (),
    ) -> None:
        """`anonymous`: a request that claims nothing is nobody's, instead of refused.

        `legacy_forms`: forms may be signed with version 2 (HMAC-SHA1) too. `regionless`: services whose signatures may name no region.
        """
        self._legacy_forms = legacy_forms
        self._regionless = regionless
        self._anonymous = anonymous
        self._access_keys = access_keys
        self._clock = clock
        self._region = region
        self._signing_keys = SigningKeys()

    def authenticate(self, request: Request, service: str = SERVICE, payload_hash: str | None = None) -> Caller:
        """The sender of a request. Raises Refusal with S3's code for what is wrong.

        Requests to another `service` than S3 do not name the SHA-256 of their body: they sign `payload_hash`.
        """
        if self._anonymous and claims.is_missing(request):
            return NOBODY
        # 1. The claim is well formed, for this region and service.
        claim = claims.read(request, self._region, service, regionless=service in self._regionless)
        # 2. It is made now.
        self._check_time(claim)
        # 3. It covers everything that could change the meaning of the request.
        _check_coverage(request, claim)
        # 4. The signature is that of the key; an unknown key costs the same work.
        known, access_key = self._find(claim.access_key_id)
        signing_key = self._signing_keys.derive(
            claim.access_key_id if known else "",
            access_key.secret if access_key else _NOBODYS_SECRET,
            claim.date,
            claim.region,
            service,
        )
        genuine = any(
            hmac.compare_digest(signing_key.sign(_message(request, claim, path, payload_hash)), claim.signature)
            for path in _paths(request.path)
        )
        access_key = _proved(access_key, claim.token, genuine=genuine)
        return Caller(access_key.actor, access_key.purpose, claim, signing_key, access_key)

    def authenticate_form(self, fields: Mapping[str, str]) -> Caller:
        """Who signed the policy of a form; nobody, where that is possible and there is none. Raises Refusal."""
        if "policy" not in fields:
            if self._anonymous and "signature" not in fields and "x-amz-signature" not in fields:
                return NOBODY
            raise Refusal(errors.ACCESS_DENIED, "the form needs a policy and a signature")
        policy = fields["policy"].encode()
        if "x-amz-signature" in fields:
            claim = claims.of_form(fields, self._region)
            access_key_id, given = claim.access_key_id, claim.signature
        elif self._legacy_forms:
            claim = None
            access_key_id, given = fields.get("awsaccesskeyid", ""), fields.get("signature", "")
            if not access_key_id or not given:
                raise Refusal(errors.INVALID_ARGUMENT, "Bucket POST must contain AWSAccessKeyId and signature")
        else:
            raise claims.only_version_4()
        known, access_key = self._find(access_key_id)
        secret = access_key.secret if access_key else _NOBODYS_SECRET
        if claim is not None:
            made = self._signing_keys.derive(access_key_id if known else "", secret, claim.date, claim.region).sign(
                policy
            )
        else:
            made = b64encode(hmac.digest(secret.reveal(), policy, "sha1")).decode()
        genuine = hmac.compare_digest(made.encode(), given.encode())
        access_key = _proved(access_key, fields.get(claims.TOKEN), genuine=genuine)
        return Caller(access_key.actor, access_key.purpose, key=access_key)

    def wipe(self) -> None:
        """Forget derived keys: the platform was sealed."""
        self._signing_keys.wipe()

    def _find(self, access_key_id: str) -> tuple[bool, AccessKey | None]:
        try:
            return True, self._access_keys.access_key(access_key_id)
        except Unauthenticated:
            return False, None

    def _check_time(self, claim: Claim) -> None:
        now = self._clock.now() // SECOND
        signed_at = _seconds(claim.timestamp)
        if claim.expires is not None:
            if now < signed_at - MAX_SKEW_SECONDS:
                raise Refusal(errors.ACCESS_DENIED, "Request is not valid yet")
            if now > signed_at + claim.expires:
                raise Refusal(errors.ACCESS_DENIED, "Request has expired")
        elif abs(now - signed_at) > MAX_SKEW_SECONDS:
            raise Refusal(errors.REQUEST_TIME_TOO_SKEWED, MaxAllowedSkewMilliseconds=MAX_SKEW_SECONDS * 1_000)


def _proved(access_key: AccessKey | None, token: str | None, *, genuine: bool) -> AccessKey:
    """The key, if its secret made the signature and its own session token came along, where it has one. Raises Refusal."""
    if access_key is None:
        raise Refusal(errors.INVALID_ACCESS_KEY_ID if token is None else errors.EXPIRED_TOKEN)
    if not genuine:
        raise Refusal(errors.SIGNATURE_DOES_NOT_MATCH)
    if (token is None) != (access_key.token_hash is None):
        raise Refusal(errors.INVALID_TOKEN)
    if access_key.token_hash is not None and token is not None:
        given = sha256(token.encode("utf-8", "replace")).digest()
        if not hmac.compare_digest(given, access_key.token_hash):
            raise Refusal(errors.INVALID_TOKEN)
    return access_key


@lru_cache(maxsize=MAX_KNOWN_SECONDS)
def _seconds(timestamp: str) -> int:
    """Seconds since 1970 of `YYYYMMDDTHHMMSSZ`. Sliced by hand: strptime costs ten times as much, on every request."""
    parts = (timestamp[:4], timestamp[4:6], timestamp[6:8], timestamp[9:11], timestamp[11:13], timestamp[13:15])
    year, month, day, hour, minute, second = map(int, parts)
    try:
        return int(datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp())
    except ValueError as error:
        raise Refusal(errors.ACCESS_DENIED, "the date of the request is not a date") from error


def _check_coverage(request: Request, claim: Claim) -> None:
    missing = [name for name in request.headers if name.startswith(_MUST_BE_SIGNED) and name not in claim.signed]
    if "host" not in claim.signed:
        missing.append("host")
    if missing:
        raise Refusal(
            errors.ACCESS_DENIED,
            "There were headers present in the request which were not signed",
            HeadersNotSigned=", ".join(missing),
        )


def _paths(raw: bytes) -> tuple[str, ...]:
    """The forms of a path that a client may have signed: AWS's encoding of it and, if another, its own as it was sent.

    Both decode to the same bytes, so neither can be taken for another object.
    """
    canonical, sent = uri_encode(percent_decode(raw), keep_slash=True), raw.decode("latin-1")
    return (canonical,) if canonical == sent else (canonical, sent)


def _message(request: Request, claim: Claim, path: str, payload_hash: str | None) -> bytes:
    """The string to sign of a request."""
    parameters = request.parameters
    if payload_hash is not None:
        pass  # of what was received
    elif claim.expires is None:
        payload_hash = request.headers.get("x-amz-content-sha256", "")
    else:
        parameters = [pair for pair in parameters if pair[0] != _SIGNATURE_PARAMETER]
        payload_hash = request.headers.get("x-amz-content-sha256", UNSIGNED_PAYLOAD)
    canonical = canonical_request(
        request.method,
        path,
        parameters,
        headers=request.headers,
        signed=claim.signed,
        payload_hash=payload_hash,
    )
    return string_to_sign(claim.timestamp, claim.scope, canonical)
