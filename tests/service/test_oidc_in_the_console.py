"""A person with a browser on her way to a tool: the console's own cookie, form token, pages and language."""

import re

import httpx
import pytest

from nexus.console.issuer import IssuerPages, IssuerVisitors
from nexus.console.render import ASSETS, Renderer
from nexus.iam.oidc.authorizing import Authorizing
from nexus.iam.oidc.endpoints import Endpoints
from nexus.iam.oidc.http import IssuerRoutes
from nexus.iam.oidc.leaving import Leaving
from nexus.iam.oidc.letting_in import LettingIn
from nexus.iam.oidc.pushing import Pushing
from nexus.iam.requests.forms import ById
from nexus.kernel.clock import MINUTE
from nexus.web.browser.assets import SHARED, Assets
from simulators.console import ORIGIN, Browser, Console
from simulators.issuer import IssuerAtWork, Tool, open_issuer
from simulators.key_holder import KeyHolder
from simulators.people import Human

AFTER = "https://tool.test/bye"


@pytest.fixture
def issuer(tmp_path):
    with open_issuer(tmp_path) as opened:
        yield opened


@pytest.fixture
def console(issuer: IssuerAtWork) -> Console:
    platform = issuer.platform
    renderer = Renderer(Assets(ASSETS, SHARED), (), platform.clock)

    async def end(request, actor) -> None:
        await platform.call("iam.session.end", platform.op(actor), ById(id=actor.session))

    def mounts(session):
        routes = IssuerRoutes(
            issuer.issuer,
            Authorizing(platform.db, platform.clock, Endpoints("https://nexus.test")),
            Pushing(platform.db, platform.clock, Endpoints("https://nexus.test")),
            Leaving(platform.db, Endpoints("https://nexus.test"), issuer.signer),
            LettingIn(platform.db, platform.clock),
            sessions=IssuerVisitors(session, renderer, origins={ORIGIN}, end=end),
            pages=IssuerPages(renderer),
            lease=issuer.lease,
            audit=platform.db,
            clock=platform.clock,
        )
        return routes.routes()

    return Console(platform, mounts=mounts)


async def arrived(issuer: IssuerAtWork, console: Console, language: str = "en") -> tuple[Browser, Tool, Human]:
    ada, _ = await issuer.platform.found("ada", "ben")
    tool = await issuer.tool(ada, post_logout_redirect_uris=(AFTER,))
    return console.browser(language=language), tool, ada


def asking(tool: Tool, **more: str | None) -> str:
    return str(httpx.URL("/oidc/authorize", params=tool.query(**more)))


def leads_to(page: str) -> str:
    """Where a page goes by itself."""
    found = re.search(r'http-equiv="refresh" content="0; url=([^"]+)"', page)
    assert found, page
    return found[1].replace("&amp;", "&")


async def test_a_person_goes_from_a_tool_through_sign_in_and_consent_back_to_it(issuer, console):
    browser, tool, ada = await arrived(issuer, console)
    bounced = await browser.get(asking(tool), **{"Sec-Fetch-Site": "cross-site"})
    here = leads_to(bounced.text)
    at_sign_in = await browser.get(here, **{"Sec-Fetch-Site": "same-origin"})
    assert at_sign_in.status_code == 303 and at_sign_in.headers["location"].startswith("/sign-in?next=")
    issuer.platform.clock.advance(MINUTE)
    await browser.get(at_sign_in.headers["location"])
    wanted = re.findall(r'name="next" value="([^"]+)"', browser.page)[-1].replace("&amp;", "&")
    code = issuer.platform.totp(ada).reveal().decode()
    asked = await browser.post("/sign-in", {"login": "ada", "password": ada.password, "code": code, "next": wanted})
    assert "Sign in to Grafana?" in asked.text and "https://tool.test" in asked.text
    assert "your name and your login" in asked.text and "form-action 'self'" in asked.headers["content-security-policy"]
    csrf = re.search(r'name="csrf" value="([0-9a-f]{64})"', asked.text)[1]
    decided = await browser.send(asking(tool), {"csrf": csrf, "agrees": "yes"})
    back = httpx.URL(leads_to(decided.text))
    assert str(back).startswith("https://tool.test/callback?code=nxc_") and back.params["iss"] == "https://nexus.test"
    assert decided.headers["cache-control"] == "no-store"
    answer = await issuer.exchange(tool, back.params["code"])
    assert (await issuer.claims(answer.json()["id_token"]))["sub"] == ada.id


async def test_a_forged_form_gives_no_code(issuer, console):
    """CSRF: wrong token, another site's origin, no origin, no session."""
    browser, tool, ada = await arrived(issuer, console)
    await browser.sign_in(ada)
    await browser.get(asking(tool))
    csrf = re.search(r'name="csrf" value="([0-9a-f]{64})"', browser.page)[1]
    for fields, headers in (
        ({"csrf": "0" * 64}, {}),
        ({"csrf": csrf}, {"Origin": "https://evil.test"}),
        ({"csrf": csrf}, {"Origin": ""}),
        ({"csrf": csrf}, {"Sec-Fetch-Site": "cross-site"}),
    ):
        answer = await browser.send(asking(tool), {"agrees": "yes", **fields}, **headers)
        assert answer.status_code == 403, (fields, headers)
    with issuer.platform.db.read() as tx:
        assert tx.one("SELECT count(*) FROM iam_oidc_code") == (0,)
    assert leads_to((await browser.send(asking(tool), {"agrees": "yes", "csrf": csrf})).text)


async def test_pages_speak_french_and_refusals_lead_nowhere(issuer, console):
    browser, tool, ada = await arrived(issuer, console, language="fr")
    await browser.sign_in(ada)
    asked = await browser.get(asking(tool))
    assert "Se connecter à Grafana ?" in asked.text and "votre nom et votre identifiant" in asked.text
    refused = await browser.get(asking(tool, redirect_uri="https://evil.test/"))
    assert refused.status_code == 400 and "https://evil.test" not in refused.text and "refresh" not in refused.text
    assert "Cet outil ne peut pas vous connecter" in refused.text


async def test_the_name_of_a_tool_is_text_and_nothing_else(issuer, console):
    browser, _, ada = await arrived(issuer, console)
    tool = await issuer.tool(ada, name="<script>alert(1)</script>")
    await browser.sign_in(ada)
    asked = await browser.get(asking(tool))
    assert "<script>" not in asked.text and "&lt;script&gt;" in asked.text


async def test_a_fresh_proof_is_asked_for_by_the_sign_in_page(issuer, console):
    browser, tool, ada = await arrived(issuer, console)
    await browser.sign_in(ada)
    issuer.platform.clock.advance(5 * MINUTE)
    again = await browser.get(asking(tool, prompt="login"))
    assert again.headers["location"].endswith("&again=1")
    page = await browser.get(again.headers["location"])
    assert page.status_code == 200 and 'name="password"' in page.text


async def test_signing_out_from_a_tool_asks_and_takes_the_cookie(issuer, console):
    browser, tool, ada = await arrived(issuer, console)
    await browser.sign_in(ada)
    asked = await browser.get(str(httpx.URL("/oidc/logout", params={"client_id": tool.id})))
    assert "Sign out everywhere?" in asked.text
    csrf = re.search(r'name="csrf" value="([0-9a-f]{64})"', asked.text)[1]
    fields = {"csrf": csrf, "client_id": tool.id, "post_logout_redirect_uri": AFTER}
    done = await browser.send("/oidc/logout", fields)
    assert leads_to(done.text) == AFTER and browser.session is None
    assert (await browser.get("/")).status_code == 303


async def test_the_page_of_a_command_line_says_who_asks_and_from_where(issuer, console):
    """Phishing by device code: an address that is not the browser's is pointed out."""
    browser, _, ada = await arrived(issuer, console)
    begun = await KeyHolder(issuer).begin()
    await browser.sign_in(ada)
    filled = await browser.get(f"/oidc/verify?user_code={begun['user_code']}")
    assert f'value="{begun["user_code"]}"' in filled.text and "Nobody else has a reason" in filled.text
    asked = await browser.send("/oidc/verify", {"csrf": csrf_of(filled.text), "user_code": begun["user_code"]})
    assert "Let this command line act as you?" in asked.text and "192.0.2.77" in asked.text
    assert "This is not the address of your browser" in asked.text
    decided = {"csrf": csrf_of(asked.text), "user_code": begun["user_code"], "agrees": "yes"}
    assert (await browser.send("/oidc/verify", decided, Origin="https://evil.test")).status_code == 403
    assert "The command line is signed in" in (await browser.send("/oidc/verify", decided)).text


def csrf_of(page: str) -> str:
    return re.findall(r'name="csrf" value="([0-9a-f]{64})"', page)[-1]


async def test_a_person_ends_her_agreement_with_a_tool_on_a_page(issuer, console):
    """ASVS 10.7.3, as people do it: the page says what the tool learns, and one button ends it."""
    browser, tool, ada = await arrived(issuer, console, language="fr")
    tokens = await issuer.sign_in(tool, ada)
    await browser.sign_in(ada)
    page = (await browser.get("/agreements")).text
    assert "Grafana" in page and "votre nom et votre identifiant" in page and "connecté" in page
    form = {"identity": ada.id, "client": tool.id, "~next": "/agreements"}
    page = (await browser.post("/operations/iam.agreement.end", form)).text
    assert "Grafana" not in page and "aucun outil" in page
    assert await issuer.introspect(tool, tokens["access_token"]) == {"active": False}
