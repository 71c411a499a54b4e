"""Sessions on the machine in the console: a real shell through the real bastion, replayed as text that can be read aloud."""

import re

import pytest
import pytest_asyncio

from simulators.bastion import have_ssh, open_bastion
from simulators.console import Console

pytestmark = [
    pytest.mark.skipif(not have_ssh, reason="OpenSSH's client is not installed (Debian package openssh-client)"),
    pytest.mark.asyncio(loop_scope="module"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bastion():
    async with open_bastion() as made:
        await made.ssh(made.olga, "echo '<b>restarted</b>'")
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def officer(bastion):
    """Alice, signed in to the console."""
    browser = Console(bastion.people, services={"bastion": bastion.service}).browser()
    await browser.sign_in(bastion.alice)
    return browser


async def test_a_session_is_listed_replayed_saved_and_compared_with_the_log(bastion, officer):
    """Issue 3: replay in the console."""
    listed = await officer.get("/shells")
    assert "olga" in listed.text and "restarted" in listed.text
    path = re.search(r'href="(/shells/[^"?]+)"', listed.text)[1]
    shown = await officer.get(path)
    assert "What happened" not in shown.text, "a recording is read only when somebody asks for it"
    replayed = await officer.get(f"{path}?show=1")
    assert "&lt;b&gt;restarted&lt;/b&gt;" in replayed.text and "<b>restarted" not in replayed.text
    assert bastion.entries("bastion.session.replay")[-1].operation.door == "console"
    saved = await officer.get(f"{path}/cast?after=0")
    assert saved.text.startswith('{"version":3') and "attachment" in saved.headers["content-disposition"]
    session = path.rpartition("/")[2]
    compared = await officer.get(f"/operations/bastion.session.verify?id={session}&~run=1")
    assert compared.status_code == 200 and "Sound" in compared.text


async def test_whoever_may_not_see_sessions_reads_why(bastion, officer):
    nobody = await bastion.people.person(bastion.alice, "nobody")
    browser = officer.console.browser()
    await browser.sign_in(nobody)
    refused = await browser.get("/shells")
    assert refused.status_code == 403 and "You may not do this" in refused.text


@pytest.mark.parametrize("after", ["x", "-1", "9" * 30, "1e3"])
async def test_a_part_that_is_none_is_not_looked_for(officer, after):
    path = re.search(r'href="(/shells/[^"?]+)"', (await officer.get("/shells")).text)[1]
    assert (await officer.get(f"{path}?show=1&after={after}")).status_code == 404
