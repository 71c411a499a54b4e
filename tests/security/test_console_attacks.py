"""Attacks on the console: forged requests, foreign hosts, fixed and stolen sessions, frames, redirects, names that are code.

OWASP ASVS 5.0 3.3, 3.4, 3.5, 7.2, 7.4 (cookies, headers, forged requests, sessions).
"""

import pytest
import pytest_asyncio

from nexus.app.operations import OPERATIONS, PURPOSES
from nexus.console.pages.table import PAGES, pages
from nexus.iam.requests.machines import CreateToken
from nexus.iam.requests.persons import CreatePerson
from nexus.kernel.clock import DAY
from nexus.kernel.errors import NexusError
from nexus.kernel.operation import Outcome
from nexus.web import codec
from nexus.web.examples import example_of
from simulators.console import CHROME, ORIGIN, Console
from simulators.people import HOME, Human, open_platform

pytestmark = pytest.mark.asyncio(loop_scope="module")
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def platform(tmp_path_factory):
    with open_platform(tmp_path_factory.mktemp("console")) as opened:
        yield opened


@pytest.fixture(scope="module")
def console(platform):
    return Console(platform)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def founders(platform):
    return await platform.found("ada", "ben")


@pytest_asyncio.fixture(loop_scope="module")
async def browser(console, founders):
    browser = console.browser()
    await browser.sign_in(founders[0])
    assert browser.session
    await browser.get("/")
    return browser


def example(path: str) -> str:
    """A path with something in each of its fields."""
    return "/".join("x1" if part.startswith("{") else part for part in path.split("/"))


@pytest.mark.parametrize("page", [page for page in PAGES if not page.open], ids=lambda page: page.path)
async def test_every_page_refuses_strangers(console, founders, page):
    """NX-12: nobody gets past the door without a session, whatever stands in the cookie."""
    for cookie in ("", "garbage", "nxs_" + "a" * 43, "x" * 5000):
        stranger = console.browser()
        if cookie:
            stranger.http.cookies.set("__Host-nexus-session", cookie)
        if page.show:
            answer = await stranger.get(example(page.path))
            assert answer.status_code == 303 and answer.headers["location"].startswith("/sign-in")
        if page.submit:
            assert (await stranger.send(example(page.path), {"csrf": "0" * 64})).status_code == 401


@pytest.mark.parametrize("page", [page for page in PAGES if page.submit], ids=lambda page: page.path)
@pytest.mark.parametrize(
    "forged",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "https://localhost:8443.evil.example"},
        {"Origin": "http://localhost:8443"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
    ids=str,
)
async def test_a_form_from_elsewhere_is_refused_even_with_cookie_and_token(browser, page, forged):
    token = browser.page.split('name="csrf" value="')[1][:64]
    answer = await browser.send(example(page.path), {"csrf": token, "language": "fr"}, **forged)
    assert answer.status_code == 403 and "web.forged" in answer.text
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("page", [page for page in PAGES if page.submit and not page.open], ids=lambda page: page.path)
async def test_a_form_without_the_token_of_this_very_session_is_refused(console, founders, browser, page):
    other = console.browser()
    await other.sign_in(founders[1])
    foreign = (await other.get("/")).text.split('name="csrf" value="')[1][:64]
    for token in ({}, {"csrf": ""}, {"csrf": "0" * 64}, {"csrf": foreign}, {"csrf": "é"}):
        answer = await browser.send(example(page.path), token)
        assert answer.status_code == 403 and "web.forged" in answer.text
    assert (await browser.get("/")).status_code == 200, "the session is untouched"


FORMS = [page for page in pages(OPERATIONS, PURPOSES) if page.path.startswith("/operations/")]


async def test_the_form_of_every_operation_refuses_strangers_and_forgeries(console, founders, browser):
    """NX-12: the pages that are made from the table of operations stand behind the same barriers as all others."""
    stranger = console.browser()
    before = len(console.platform.recorder.entries)
    for page in FORMS:
        seen = await stranger.http.get(page.path, params={"~run": "1"})
        assert (seen.status_code, seen.headers["location"].partition("?")[0]) == (303, "/sign-in"), page.path
        if page.submit:
            assert (await stranger.send(page.path, {"csrf": "0" * 64})).status_code == 401, page.path
            token = browser.page.split('name="csrf" value="')[1][:64]
            assert (await browser.send(page.path, {"csrf": token}, Origin="https://evil.example")).status_code == 403
            assert (await browser.send(page.path, {"csrf": "0" * 64})).status_code == 403, page.path
    assert console.platform.recorder.entries[before:] == [], "no operation was even begun"


def allowed_to_everybody(platform, spec, actor, fields) -> bool:
    """Whether the gate lets even a person without any role do this: seeing who one is, asking for a right."""
    try:
        request = codec.from_builtins(fields, spec.request)
        platform.gate.check(platform.op(actor, client=CHROME), spec.action, spec.resource(platform.service, request))
    except NexusError:
        return False
    return True


async def test_a_person_without_the_right_is_refused_by_every_form(console, founders, platform):
    """NX-09: the console asks the same gate as REST; each refusal is an entry with the door `console`."""
    nobody = await platform.person(founders[0], "nobody")
    browser = console.browser()
    await browser.sign_in(nobody)
    actor = await platform.authenticator.session(browser.session, HOME, CHROME)
    for spec in [spec for spec in OPERATIONS if spec.action and spec.service == "iam"]:
        document = example_of(spec.request) | {
            "identity": founders[0].id,
            "id": founders[0].id,
            "person": founders[0].id,
        }
        fields = {field: value for field, value in document.items() if field in spec.request.__struct_fields__}
        if allowed_to_everybody(platform, spec, actor, fields):
            continue
        path = f"/operations/{spec.name}"
        token = browser.page.split('name="csrf" value="')[1][:64]
        query = {**fields, "~run": "1"}
        answer = await (
            browser.http.get(path, params=query)
            if spec.method == "GET"
            else browser.send(path, {**fields, "csrf": token})
        )
        assert answer.status_code in (400, 403, 404), (spec.name, answer.status_code)
        assert "Done" not in answer.text


async def test_the_session_cookie_is_for_this_host_and_no_script(console, founders):
    browser = console.browser()
    platform, ada = console.platform, founders[0]
    platform.clock.advance(30_000_000)
    typed = {"login": "ada", "password": ada.password, "code": platform.totp(ada).reveal().decode()}
    answer = await browser.send("/sign-in", typed)
    cookies = answer.headers.get_list("set-cookie")
    assert {cookie.partition("=")[0] for cookie in cookies} == {"__Host-nexus-session", "__Host-nexus-device"}
    for cookie in cookies:
        parts = {part.strip().lower() for part in cookie.split(";")}
        assert {"secure", "httponly", "samesite=strict", "path=/"} <= parts
        assert not any(part.startswith("domain") for part in parts)
    session = next(cookie for cookie in cookies if "session" in cookie)
    assert "max-age" not in session.lower() and "expires" not in session.lower(), "it ends with the browser"


async def test_a_session_that_the_attacker_chose_never_becomes_the_victims(console, founders):
    """Session fixation: what the browser brought is thrown away, and the attacker's own session does not change hands."""
    attacker = console.browser(agent="evil/1")
    await attacker.sign_in(founders[1])
    for planted in (attacker.session, "nxs_chosen-by-the-attacker"):
        victim = console.browser()
        victim.http.cookies.set("__Host-nexus-session", planted)
        await victim.sign_in(founders[0])
        kept = [cookie.value for cookie in victim.http.cookies.jar if cookie.name == "__Host-nexus-session"]
        assert planted not in kept[-1:]


async def test_signing_in_again_ends_the_session_before(console, founders):
    browser = console.browser()
    await browser.sign_in(founders[0])
    former = browser.session
    platform, ada = console.platform, founders[0]
    platform.clock.advance(30_000_000)
    typed = {"login": "ada", "password": ada.password, "code": platform.totp(ada).reveal().decode()}
    assert (await browser.post("/sign-in", typed)).status_code == 200
    assert browser.session != former
    other = console.browser()
    other.http.cookies.set("__Host-nexus-session", former)
    assert (await other.get("/")).status_code == 303


@pytest.mark.parametrize("elsewhere", [{"agent": "another browser"}, {"address": "203.0.113.9"}], ids=str)
async def test_a_stolen_cookie_is_worthless_elsewhere_and_ends_the_session(console, founders, browser, elsewhere):
    thief = console.browser(**elsewhere)
    thief.http.cookies.set("__Host-nexus-session", browser.session)
    assert (await thief.get("/")).status_code == 303
    assert (await browser.get("/")).status_code == 303, "the session ended for everybody"
    entry = console.platform.entries("iam.session.use")[-1]
    assert (entry.outcome, entry.details["reason"]) == (Outcome.DENIED, "another client")


async def test_a_service_token_in_the_cookie_is_nobody(console, founders, platform):
    """Only a sign-in makes a browser session: a machine's credential has no business in a browser."""
    ada = founders[0]
    request = CreateToken(identity=ada.id, label="ci", expires_at=platform.clock.now() + DAY)
    made = await platform.call("iam.token.create", platform.op(ada), request)
    browser = console.browser()
    browser.http.cookies.set("__Host-nexus-session", made.token.reveal().decode())
    assert (await browser.get("/")).status_code == 303


@pytest.mark.parametrize("path", ["/", "/sign-in", "/nothing", "/static/nothing.css", "/healthz"])
async def test_every_answer_forbids_frames_scripts_of_others_and_sniffing(browser, path):
    headers = (await browser.get(path)).headers
    policy = headers["content-security-policy"]
    for directive in (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'self'",
    ):
        assert directive in policy
    assert "unsafe" not in policy and "http" not in policy and "*" not in policy
    assert (headers["x-frame-options"], headers["x-content-type-options"]) == ("DENY", "nosniff")
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["strict-transport-security"].startswith("max-age=31536000")
    assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8443", "localhost", "localhost:8443.evil.example", ""])
async def test_a_host_that_is_not_ours_gets_nothing(console, host):
    """A foreign name that points at this machine (DNS rebinding) is not this console."""
    answer = await console.browser().get("/sign-in", Host=host)
    assert answer.status_code == 421 and "<form" not in answer.text


@pytest.mark.parametrize("to", ["https://evil.example/", "//evil.example", "/\\evil.example", "/\t/evil.example"])
async def test_no_redirection_leads_out(console, founders, browser, to):
    stranger = console.browser()
    assert 'name="next" value="/"' in (await stranger.http.get("/sign-in", params={"next": to})).text
    assert (await browser.send("/language", {"language": "fr", "next": to})).headers["location"] == "/"
    assert (await browser.http.get("/sign-in", params={"next": to})).headers["location"] == "/"


async def test_a_name_that_is_code_is_shown_as_text(console, founders, platform):
    request = CreatePerson(login="mallory", name=HOSTILE, email="mallory@nexus.example")
    invitation = await platform.call("iam.person.create", platform.op(founders[0]), request)
    mallory = Human(invitation.person, "mallory", code=invitation.code)
    await platform.enrol(mallory)
    browser = console.browser()
    home = await browser.sign_in(mallory)
    assert home.status_code == 200 and HOSTILE not in home.text and "&lt;script&gt;alert(1)" in home.text
    form = await console.browser().send("/sign-in", {"login": f'"{HOSTILE}', "password": "x", "code": "1"})
    assert HOSTILE not in form.text and "&lt;script&gt;" in form.text


@pytest.mark.parametrize(
    ("body", "media_type", "status"),
    [
        (b"a=1&a=2&next=/&next=/", "application/x-www-form-urlencoded", 400),
        (b"login=%ff%fe", "application/x-www-form-urlencoded", 400),
        (b"&".join(b"f%d=1" % i for i in range(300)), "application/x-www-form-urlencoded", 400),
        (b'{"login": "ada"}', "application/json", 415),
        (b"login=ada", "multipart/form-data; boundary=x", 415),
        (b"login=" + b"a" * 300_000, "application/x-www-form-urlencoded", 413),
        (b"login=\x00", "application/x-www-form-urlencoded", 401),
    ],
    ids=["twice", "no utf-8", "too many", "json", "multipart", "too large", "nul"],
)
async def test_what_is_no_form_ends_in_a_precise_answer(console, founders, body, media_type, status):
    headers = {"Origin": ORIGIN, "Content-Type": media_type, "User-Agent": CHROME}
    answer = await console.browser().http.post("/sign-in", content=body, headers=headers)
    assert answer.status_code == status and "Traceback" not in answer.text


async def test_urls_beyond_all_need_are_refused(console):
    assert (await console.browser().http.get("/sign-in?next=" + "a" * 9_000)).status_code == 414


async def test_files_are_served_by_the_name_that_holds_their_hash_and_no_other(console):
    browser = console.browser()
    page = (await browser.get("/sign-in")).text
    style = page.split('rel="stylesheet" href="')[1].split('"')[0]
    answer = await browser.http.get(style)
    assert answer.headers["content-type"].startswith("text/css") and "immutable" in answer.headers["cache-control"]
    for other in ("/static/console.css", "/static/..%2fapp.py", "/static/../app.py", "/static/"):
        assert (await browser.http.get(other)).status_code == 404
