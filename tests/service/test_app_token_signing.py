"""The issuer's tokens, signed inside the key service: any JOSE library verifies them, also across a rotation."""

import pytest
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError
from joserfc.jwk import KeySet

from nexus.app.token_signing import REMEMBERED, KmsTokenSigner
from nexus.iam.oidc.claims import encoded, signing_input
from nexus.iam.oidc.discovery import key_set
from nexus.kernel.clock import DAY, HOUR
from nexus.kernel.errors import Conflict, Denied
from nexus.kms.requests import KeyRef
from simulators.keyservice import running
from simulators.operations import operation


@pytest.fixture
async def kms():
    async with running() as service:
        yield service


async def token(signer: KmsTokenSigner) -> str:
    kid = (await signer.keys())[0].kid
    message = signing_input(kid, {"sub": "per_ada"})
    return (message + b"." + encoded(await signer.sign(kid, message))).decode()


async def verified(signer: KmsTokenSigner, signed: str) -> str:
    published = KeySet.import_key_set(key_set(await signer.keys()))
    return jwt.decode(signed, published, algorithms=["ES256"]).claims["sub"]


async def test_tokens_verify_before_during_and_after_a_rotation(kms):
    """R-157: a new key is published before it signs, and an old one as long as what it signed may be met."""
    signer = KmsTokenSigner(await kms.client("console"), kms.clock, operation)
    custodian = await kms.client("api")
    first = await token(signer)
    kid = (await signer.keys())[0].kid
    await custodian.rotate(operation(), KeyRef(key_id=kid.rpartition(".")[0]))
    kms.clock.advance(REMEMBERED)
    assert [key.kid.rpartition(".")[2] for key in await signer.keys()] == ["1", "2"]  # published, not used yet
    kms.clock.advance(HOUR)
    second = await token(signer)
    assert [key.kid.rpartition(".")[2] for key in await signer.keys()] == ["2", "1"]
    assert await verified(signer, first) == await verified(signer, second) == "per_ada"
    kms.clock.advance(3 * DAY)
    assert [key.kid.rpartition(".")[2] for key in await signer.keys()] == ["2"]
    with pytest.raises(InvalidKeyIdError):
        await verified(signer, first)


async def test_the_published_keys_hold_no_private_part(kms):
    signer = KmsTokenSigner(await kms.client("console"), kms.clock, operation)
    [key] = key_set(await signer.keys())["keys"]
    assert set(key) == {"kty", "crv", "x", "y", "kid", "use", "alg"}


async def test_no_other_process_signs_and_a_disabled_key_signs_nothing(kms):
    signer = KmsTokenSigner(await kms.client("console"), kms.clock, operation)
    kid = (await signer.keys())[0].kid
    with pytest.raises(Denied):
        await KmsTokenSigner(await kms.client("api"), kms.clock, operation).sign(kid, b"forged")
    await (await kms.client("api")).disable(operation(), KeyRef(key_id=kid.rpartition(".")[0]))
    with pytest.raises(Conflict):
        await signer.sign(kid, b"token")
