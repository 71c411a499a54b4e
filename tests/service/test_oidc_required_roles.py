"""A tool may be for those who hold a role: asked at sign-in, and at every use of what was issued."""

import pytest

from nexus.iam.model import Role
from nexus.iam.requests.forms import ById
from simulators.issuer import IssuerAtWork, open_issuer, sent_back
from simulators.people import Human


@pytest.fixture
def issuer(tmp_path):
    with open_issuer(tmp_path) as opened:
        yield opened


async def founded(issuer: IssuerAtWork) -> tuple[Human, Human]:
    ada, ben = await issuer.platform.found("ada", "ben")
    return ada, ben


async def test_a_tool_may_be_for_the_holders_of_a_role(issuer: IssuerAtWork):
    """RG-12."""
    ada, ben = await founded(issuer)
    eve = await issuer.platform.person(ada, "eve")
    tool = await issuer.tool(ada, required_roles=(Role.RESEARCHER,))
    issuer.browser.human = eve
    assert sent_back(await issuer.arrive(tool))["error"] == "access_denied"
    await issuer.platform.grant(ben, eve.id, Role.RESEARCHER, "project:alpha")
    assert (await issuer.arrive(tool)).json()["page"] == "consent"


async def test_a_role_that_a_tool_asks_for_is_asked_for_at_every_use(issuer: IssuerAtWork):
    """Without it, nothing that was issued works any more; with it again, what was not used up does. NX-11."""
    ada, ben = await founded(issuer)
    eve = await issuer.platform.person(ada, "eve")
    tool = await issuer.tool(ada, required_roles=(Role.RESEARCHER,))
    grant = await issuer.platform.grant(ben, eve.id, Role.RESEARCHER, "project:alpha")
    had, code = await issuer.sign_in(tool, eve), await issuer.code(tool, eve)
    bearer = {"Authorization": f"Bearer {had['access_token']}"}
    assert (await issuer.http.get("/oidc/userinfo", headers=bearer)).status_code == 200
    await issuer.platform.call("iam.role.revoke", issuer.platform.op(ben), ById(id=grant.id))
    assert await issuer.introspect(tool, had["access_token"]) == {"active": False}
    assert (await issuer.refresh(tool, had["refresh_token"])).json()["error"] == "invalid_grant"
    assert (await issuer.exchange(tool, code)).json()["error"] == "invalid_grant"
    assert (await issuer.http.get("/oidc/userinfo", headers=bearer)).status_code == 401
    await issuer.platform.grant(ben, eve.id, Role.RESEARCHER, "project:beta")
    assert (await issuer.introspect(tool, had["access_token"]))["active"] is True
    assert (await issuer.refresh(tool, had["refresh_token"])).status_code == 200
