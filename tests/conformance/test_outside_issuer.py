"""A real second issuer (npm `oidc-provider`, certified) signs people in here. ."""

import asyncio
import json
import ssl
from contextlib import asynccontextmanager
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from joserfc.jwk import ECKey, RSAKey

from nexus.app import pki
from nexus.iam.federation.issuer import MappedRole, OutsideIssuer
from nexus.iam.model import Factor, Role
from nexus.iam.requests.federation import BeginFederation, BeginLink, CompleteFederation, CompleteLink
from nexus.iam.requests.rights import ListGrants
from nexus.kernel.clock import MINUTE, SystemClock
from nexus.kernel.errors import Unauthenticated
from nexus.kernel.secret import Secret
from simulators.peers import NODE, PEERS, needs_peers
from simulators.people import BROWSER, HOME, PARTY, open_platform
from simulators.tls_door import free_port

pytestmark = needs_peers
ACR, START_WAIT_S = "https://refeds.org/profile/mfa", 30
BACK = f"{PARTY.origin}/federation/callback"


@asynccontextmanager
async def real_issuer(folder, algorithm, acr=ACR):
    """The issuer in a process of its own; yields how an installation would configure it."""
    now, port = SystemClock().now(), free_port()
    authority = pki.found_authority("nx_test", now)
    leaf = pki.issue(authority, (), 1, now)
    (folder / "ca.pem").write_bytes(authority.certificate)
    (folder / "secret").write_text("a secret of the client\n")
    given = {
        "issuer": f"https://localhost:{port}",
        "port": port,
        "key": leaf.key.reveal().decode(),
        "certificate": leaf.chain.decode(),
        "redirect": BACK,
        "acr": acr,
        "client": {"id": "nexus", "secret": "a secret of the client", "algorithm": algorithm},
        "jwks": {"keys": [_new_key(algorithm)]},
    }
    process = await asyncio.create_subprocess_exec(
        NODE, "outside-issuer.mjs", cwd=PEERS, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    try:
        process.stdin.write(json.dumps(given).encode() + b"\n")
        async with asyncio.timeout(START_WAIT_S):
            while (line := await process.stdout.readline()) != b"ready\n":
                assert line, "the issuer did not start"
        yield OutsideIssuer(
            name="chu",
            title="Hospital",
            titre="Hôpital",
            url=given["issuer"],
            client_id="nexus",
            client_secret_file=str(folder / "secret"),
            authority=str(folder / "ca.pem"),
            algorithms=(algorithm,),
            acr={ACR: (Factor.PASSWORD, Factor.TOTP)},
            role=(MappedRole(claim="groups", value="cardio", role=Role.RESEARCHER, scope="project:p1"),),
        )
    finally:
        process.stdin.close()
        process.kill()
        await process.wait()


def _new_key(algorithm):
    parameters = {"kid": "k1", "use": "sig", "alg": algorithm}
    if algorithm == "ES256":
        return ECKey.generate_key("P-256", parameters).as_dict(private=True)
    return RSAKey.generate_key(2048, parameters).as_dict(private=True)


async def found_lately(platform):
    """A platform that was founded some minutes ago, by a clock that agrees with the issuer's."""
    platform.clock.advance(SystemClock().now() - 5 * MINUTE - platform.clock.now())
    people = await platform.found("ada", "bob")
    platform.clock.advance(SystemClock().now() - platform.clock.now())
    return people


async def browse(address, authority, account):
    """What a browser does: from our link through the issuer until it is sent back to us. Returns what it brings."""
    context = ssl.create_default_context(cafile=authority)
    async with httpx.AsyncClient(verify=context, cookies={"account": account}) as http:
        while not address.startswith(BACK):
            answer = await http.get(address)
            assert answer.status_code in {302, 303}, answer.text
            address = str(httpx.URL(address).join(answer.headers["location"]))
    return dict(parse_qsl(urlsplit(address).query))


@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "PS256"])
async def test_people_of_a_certified_issuer_link_and_sign_in(tmp_path, algorithm):
    with open_platform(tmp_path) as platform:
        ada, bob = await found_lately(platform)
        async with real_issuer(tmp_path, algorithm) as issuer:
            platform.federate(issuer)
            begun = await platform.call(
                "iam.federation.begin-link", platform.op(ada), BeginLink(identity=ada.id, issuer="chu")
            )
            answer = await browse(begun.url, tmp_path / "ca.pem", "account-of-ada")
            code = Secret(answer.pop("code").encode())
            request = CompleteLink(identity=ada.id, transaction=begun.transaction, code=code, **answer)
            assert (await platform.call("iam.federation.link", platform.op(ada), request)).issuer == issuer.url

            signed_in = await _sign_in(platform, tmp_path, "account-of-ada")
            actor = await platform.authenticator.session(signed_in.token.reveal().decode(), HOME, BROWSER)
            assert actor.person == ada.id and Factor.FEDERATED in actor.factors
            grants = (await platform.call("iam.role.list", platform.op(bob), ListGrants(identity=ada.id))).grants
            assert Role.RESEARCHER in {grant.role for grant in grants}
            with pytest.raises(Unauthenticated):
                await _sign_in(platform, tmp_path, "account-of-nobody")


async def test_a_sign_in_that_the_issuer_calls_weak_opens_nothing(tmp_path):
    with open_platform(tmp_path) as platform:
        await found_lately(platform)
        async with real_issuer(tmp_path, "ES256", acr="urn:password-only") as issuer:
            platform.federate(issuer)
            with pytest.raises(Unauthenticated) as weak:
                await _sign_in(platform, tmp_path, "account-of-ada")
            assert weak.value.code == "iam.federation-too-weak"


async def _sign_in(platform, folder, account):
    begun = await platform.call("iam.federation.begin", platform.op(), BeginFederation(issuer="chu"))
    answer = await browse(begun.url, folder / "ca.pem", account)
    code = Secret(answer.pop("code").encode())
    request = CompleteFederation(transaction=begun.transaction, code=code, **answer)
    return await platform.call("iam.federation.complete", platform.op(), request)
