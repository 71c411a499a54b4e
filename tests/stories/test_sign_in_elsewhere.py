"""Story: a person signs in to another tool with a real browser, the tool being a certified client library of others; her
command line is let in from the same browser; and when she leaves, everything ends.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from joserfc import jws

from simulators.chromium import chromium, profile
from simulators.installation import Installation, Person, until
from simulators.listener import listening_tool

PEERS = Path(__file__).resolve().parent.parent / "peers"
WAIT_S = 60


class Peer:
    """A program in JavaScript that the test speaks to in lines of JSON."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def say(self, **document: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(document) + "\n")
        self._process.stdin.flush()

    def hear(self) -> dict[str, Any]:
        assert self._process.stdout is not None and self._process.stderr is not None
        line = self._process.stdout.readline()
        assert line, self._process.stderr.read()
        return json.loads(line)


@contextmanager
def relying_party(authority: Path, program: str = "relying_party.mjs") -> Iterator[Peer]:
    """The tool, trusting the platform's authority and nobody else."""
    node = shutil.which("node")
    if node is None or not (PEERS / "node_modules" / "openid-client").is_dir():
        pytest.skip("node, or the packages of tests/peers, are not installed (`make setup` does it where it can)")
    environment = {"PATH": os.environ["PATH"], "NODE_EXTRA_CA_CERTS": str(authority)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen([node, program], cwd=PEERS, env=environment, text=True, **pipes)
    try:
        yield Peer(process)
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def browser():
    with chromium() as opened:
        yield opened


def console(platform: Installation) -> str:
    return json.loads((platform.data / "run" / "endpoints.json").read_text())["console"]


def sign_in(page: Any, person: Person) -> None:
    page.fill("#login", person.login)
    page.fill("#password", person.password)
    page.fill("#code", person.fresh_code())
    page.click("button.main")


def test_a_certified_client_signs_a_person_in_refreshes_and_hears_that_she_left(platform: Installation, browser):
    """NX-09: the identities of the platform open other tools, and close them."""
    eve = platform.person("eve", "researcher", "project:alpha")
    with listening_tool() as tool, relying_party(platform.data / "tls" / "ca.pem") as peer:
        made = platform.founder("alice").call(
            "iam.client.create",
            name="Notebooks",
            redirect_uris=[f"{tool.address}/callback"],
            post_logout_redirect_uris=[f"{tool.address}/bye"],
            backchannel_logout_uri=f"{tool.address}/out",
            scopes=["openid", "profile", "email", "roles"],
            required_roles=["researcher"],
        )
        page = profile(browser).new_page()
        peer.say(
            issuer=console(platform),
            id=made["id"],
            secret=made["secret"],
            redirect_uri=f"{tool.address}/callback",
            after=f"{tool.address}/bye",
        )
        page.goto(peer.hear()["url"])
        sign_in(page, eve)
        page.get_by_role("button", name="Sign in to Notebooks").click()
        page.wait_for_url(f"{tool.address}/callback?**")
        peer.say(callback=page.url)
        received = peer.hear()
        assert received["claims"]["sub"] == received["userinfo"]["sub"] == received["refreshed"] == eve.id
        assert received["userinfo"]["preferred_username"] == "eve" and received["active"] is True
        assert received["claims"]["roles"] == ["researcher", "researcher@project:alpha"]
        assert received["claims"]["acr"] == "mfa"
        page.goto(peer.hear()["url"])
        page.wait_for_url(f"{tool.address}/bye?state=bye")
        peer.say(gone=True)
        assert peer.hear() == {"active": False, "error": "invalid_grant"}
        told = until(
            lambda: [body for method, path, body in tool.got if path == "/out"], what="the back-channel logout"
        )
        token = parse_qs(told[0])["logout_token"][0]
        claims = json.loads(jws.extract_compact(token.encode()).payload)
        assert claims["aud"] == made["id"] and claims["sub"] == eve.id
        page.context.close()


def test_a_certified_client_pushes_its_request_and_holds_the_key_of_its_tokens(platform: Installation, browser):
    """OWASP ASVS 10.4.13, 10.4.14, 10.4.16 with somebody else's implementation of PAR, DPoP and private_key_jwt."""
    eve = platform.person("eve", "researcher", "project:alpha")
    with listening_tool() as tool, relying_party(platform.data / "tls" / "ca.pem", "strict_party.mjs") as peer:
        made = platform.founder("alice").call(
            "iam.client.create",
            name="Strict notebooks",
            authentication="private_key_jwt",
            jwks=json.dumps(peer.hear()["jwks"]),
            redirect_uris=[f"{tool.address}/callback"],
            scopes=["openid", "profile"],
            pushed_requests=True,
            bound_tokens=True,
        )
        page = profile(browser).new_page()
        peer.say(issuer=console(platform), id=made["id"], redirect_uri=f"{tool.address}/callback")
        sent = peer.hear()
        assert "callback" not in sent["url"] and "request_uri" in sent["url"]
        page.goto(sent["url"])
        sign_in(page, eve)
        page.get_by_role("button", name="Sign in to Strict notebooks").click()
        page.wait_for_url(f"{tool.address}/callback?code=**")
        peer.say(callback=page.url)
        received = peer.hear()
        page.goto(sent["plain"])  # the same request, as it is
        page.wait_for_url(f"{tool.address}/callback?error=invalid_request**")
        page.context.close()
    assert received["sub"] == received["userinfo"] == eve.id
    assert received["type"].lower() == received["refreshed"].lower() == "dpop" and received["cnf"]["jkt"]
    assert received["refusals"] == ["invalid_token", "invalid_token", "invalid_dpop_proof", "invalid_grant"]


def test_the_command_line_is_let_in_from_a_browser_and_stores_nothing_in_clear(
    platform: Installation, browser, tmp_path: Path
):
    """The way that `nexus login` takes by default, end to end, with the kernel's keyring."""
    eve = platform.person("eve", "researcher", "project:alpha")
    environment = {**os.environ, "XDG_STATE_HOME": str(tmp_path), "LANG": "C.UTF-8"}

    def nexus(*arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "nexus", *arguments, "--data", str(platform.data)]
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(command, env=environment, text=True, **pipes)

    waiting = nexus("login")
    assert waiting.stderr is not None
    shown = [waiting.stderr.readline() for _ in range(2)]
    address, code = (line.split("  ")[-1].strip() for line in shown)
    page = profile(browser).new_page()
    page.goto(address)
    sign_in(page, eve)
    page.fill("#user_code", code.lower())
    page.get_by_role("button", name="Go on").click()
    assert "127.0.0.1" in page.inner_text("main") and "then it is an attack" in page.inner_text("main").lower()
    page.get_by_role("button", name="Yes, I started it myself").click()
    page.wait_for_selector("text=The command line is signed in")
    page.context.close()
    out, err = waiting.communicate(timeout=WAIT_S)
    if "cli.no-keyring" in err:
        pytest.skip("this machine's kernel keeps no keys")
    assert waiting.returncode == 0, (out, err)
    kept = (tmp_path / "nexus" / "sessions.json").read_text()
    assert "nxa_" not in kept and "nxr_" not in kept and "PRIVATE KEY" not in kept and '"sealed"' in kept
    who, err = nexus("whoami", "--json").communicate(timeout=WAIT_S)
    assert json.loads(who)["id"] == eve.id, err
    left = nexus("logout")
    left.communicate(timeout=WAIT_S)
    assert left.returncode == 0
    again = nexus("whoami")
    assert "not signed in" in again.communicate(timeout=WAIT_S)[1]
