"""The console in a real browser over a real platform: what people see and do, by keyboard and by accessible name."""

import re
import time

import pyotp
import pytest
from playwright.sync_api import expect

from nexus.app.demo.people import in_days
from nexus.app.operations import OPERATIONS
from simulators.accessibility import DESKTOP, PHONE, violations_at
from simulators.chromium import Watched, profile
from simulators.installation import PASSWORD


def test_somebody_signs_in_by_keyboard_alone_and_sees_rights_and_health(signed_in, picture):
    """Issue 3: sign in with password and TOTP, my rights and when they end, platform health."""
    page = signed_in("alice")
    expect(page.get_by_role("heading", level=1)).to_have_text("My rights")
    expect(page.get_by_role("rowheader", name="security officer")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()
    picture(page, "my-rights")
    page.get_by_role("link", name="Platform health").click()
    expect(page.get_by_role("rowheader", name="console", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="Platform health")).to_have_attribute("aria-current", "page")
    picture(page, "health", whole=True)


def test_a_french_browser_is_spoken_to_in_french_and_the_switch_changes_it(signed_in, home):
    page = signed_in("bruno", "fr-FR")
    expect(page.get_by_role("heading", level=1)).to_have_text("Mes droits")
    page.goto(home + "/operations/kms.key.create")
    expect(page.get_by_role("heading", level=1)).to_have_text("Créer une clé")
    expect(page.get_by_label("Jours entre deux rotations")).to_be_visible()
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Create a key")
    assert page.locator("html").get_attribute("lang") == "en"


def test_a_person_is_invited_enrols_in_the_browser_gets_a_right_and_sees_it(
    signed_in, platform, home, browser, picture
):
    """Issue 3: people, and my rights and when they end."""
    alice, bruno = signed_in("alice"), signed_in("bruno", "fr-FR")
    alice.get_by_role("link", name="People").click()
    alice.get_by_role("link", name="Create a person").click()
    for label, text in (("Login", "emma"), ("Name", "Emma Leroy"), ("Email", "emma@hub.example")):
        alice.get_by_label(label).fill(text)
    alice.get_by_role("button", name="Do it").click()
    expect(alice.get_by_text("This is shown once")).to_be_visible()
    code = alice.locator("code.secret").inner_text()
    alice.get_by_role("link", name="Go on").click()
    expect(alice.get_by_role("row", name="Emma Leroy")).to_contain_text("invited")

    watched = Watched(profile(browser), home)
    emma = watched.page
    emma.goto(home)
    emma.get_by_role("link", name="Enrol with your one-time code").click()
    emma.get_by_label("Login").fill("emma")
    emma.get_by_label("One-time code").fill(code)
    emma.get_by_label("New password").fill(PASSWORD)
    emma.get_by_role("button", name="Go on").click()
    expect(emma.get_by_role("img", name="QR code")).to_be_visible()
    authenticator = pyotp.TOTP(emma.locator("code.secret").inner_text())
    emma.get_by_label("Six-digit code").fill(authenticator.at(time.time() - 30))
    emma.get_by_role("button", name="Finish").click()
    expect(emma.get_by_role("status")).to_contain_text("You are enrolled.")

    bruno.goto(home + "/people")
    bruno.get_by_role("link", name="Emma Leroy").click()
    bruno.get_by_role("link", name=re.compile("Grant a role|Attribuer un rôle$")).click()
    bruno.get_by_label("Role").select_option("data_steward")
    bruno.get_by_label("Scope").fill("site:chu-lyon")
    bruno.locator("[name=ends_at]").fill(in_days(90)[:16])
    bruno.get_by_role("button", name="Do it").click()
    expect(bruno.get_by_role("status")).to_contain_text("Done")
    expect(bruno.get_by_role("rowheader", name="data steward")).to_be_visible()
    picture(bruno, "person")

    emma.get_by_label("Login").fill("emma")
    emma.get_by_label("Password").fill(PASSWORD)
    emma.get_by_label("Six-digit code").fill(authenticator.now())
    emma.get_by_role("main").get_by_role("button", name="Sign in").click()
    expect(emma.get_by_role("rowheader", name="data steward")).to_be_visible()
    emma.get_by_role("link", name="Buckets").click()
    emma.get_by_role("link", name="Create a bucket").click()
    emma.get_by_label("Name").fill("lyon-ingress")
    emma.get_by_label("Site").fill("chu-lyon")
    emma.get_by_label("Kind").select_option("ingress")
    emma.get_by_role("button", name="Do it").click()
    emma.get_by_role("link", name="lyon-ingress").click()
    expect(emma.get_by_role("heading", level=1)).to_have_text("lyon-ingress")
    emma.get_by_role("link", name="My keys and sessions").click()
    emma.get_by_role("link", name="Create an access key").click()
    emma.get_by_label("Purpose", exact=True).select_option("quality")
    emma.locator("[name=expires_at]").fill(in_days(30)[:16])
    emma.get_by_role("button", name="Do it").click()
    expect(emma.get_by_text("This is shown once")).to_be_visible()
    emma.get_by_role("link", name="Go on").click()
    expect(emma.get_by_role("row", name=re.compile("quality"))).to_be_visible()
    emma.goto(home + "/keys")
    expect(emma.get_by_role("heading", level=1)).to_have_text("You may not do this")
    emma.context.close()
    assert watched.complaints == []


def test_two_persons_destroy_a_key_each_reading_the_exact_content(signed_in, platform, home, prove, picture):
    """Issue 3: approvals waiting for me with the exact content; step-up; keys inventory and life cycle."""
    alice, bruno = signed_in("alice"), signed_in("bruno", "fr-FR")
    alice.goto(home)
    alice.get_by_role("link", name="Inventory").click()
    alice.get_by_role("link", name="Create a key").click()
    alice.get_by_label("Owner").fill("site:chu-lyon")
    alice.get_by_label("Purpose").first.fill("data of CHU Lyon")
    alice.get_by_label("Rotation days").fill("90")
    alice.get_by_role("button", name="Do it").click()
    alice.get_by_role("link", name="data of CHU Lyon").click()
    alice.get_by_role("button", name="Rotate").click()
    expect(alice.get_by_role("status")).to_contain_text("Done")
    expect(alice.get_by_role("rowheader", name="2", exact=True)).to_be_visible()
    picture(alice, "key")
    alice.get_by_role("link", name="Disable").click()
    alice.get_by_role("button", name="Do it").click()
    alice.get_by_role("button", name="Enable").click()
    expect(alice.get_by_role("main")).to_contain_text("enabled")
    alice.get_by_role("link", name="Schedule the destruction").click()
    expect(alice.get_by_text("One person is not enough")).to_be_visible()
    alice.get_by_role("button", name="Propose it").click()
    prove(alice, platform.founder("alice"))
    expect(alice.get_by_text("You proposed this")).to_be_visible()
    expect(alice.get_by_role("button", name="Approve exactly this")).to_have_count(0)
    waiting = alice.url

    bruno.goto(home + "/approvals")
    bruno.get_by_role("link", name="Read it").first.click()
    assert waiting.startswith(bruno.url)
    digest = bruno.get_by_text(re.compile("^[0-9a-f]{64}$")).inner_text()
    expect(bruno.get_by_role("main")).to_contain_text('"waiting_days": 30')
    expect(bruno.get_by_role("link", name="data of CHU Lyon").first).to_be_visible()
    picture(bruno, "approval", whole=True)
    bruno.get_by_role("button", name="Approve exactly this").click()
    prove(bruno, platform.founder("bruno"))
    expect(bruno.get_by_role("status")).to_contain_text("Done")

    alice.reload()
    assert digest in alice.content()
    expect(alice.get_by_role("button", name="Carry it out")).to_be_visible()


def test_an_auditor_finds_an_entry_and_proves_it(signed_in, platform, home, picture, tmp_path):
    """Issue 3: audit search with proofs. The receipt that the browser saved verifies without the platform."""
    alice = signed_in("alice")
    alice.goto(home)
    alice.get_by_role("link", name="Search the log").click()
    alice.get_by_text("Filters").click()
    alice.get_by_label("Action").fill("iam.session.create")
    alice.get_by_label("Outcome").select_option("allowed")
    alice.get_by_role("button", name="Search").click()
    expect(alice.get_by_role("cell", name=re.compile("console")).first).to_be_visible()
    picture(alice, "audit", whole=True)
    alice.get_by_role("link", name=re.compile("Prove it")).last.click()
    expect(alice.get_by_text("Proved: this entry stands in the log")).to_be_visible()
    picture(alice, "proof", whole=True)
    saved = []
    for link in ("Download the receipt", "Download the policy"):
        with alice.expect_download() as started:
            alice.get_by_role("link", name=link).click()
        saved.append(tmp_path / started.value.suggested_filename)
        started.value.save_as(saved[-1])
    done = platform.command("audit", "verify", str(saved[0]), "--policy", str(saved[1]), "--json")
    assert "iam.session.create" in done.stdout
    alice.get_by_role("link", name="State of the log").click()
    alice.get_by_role("button", name="Verify the whole log now").click()
    expect(alice.get_by_role("main")).to_contain_text("Everything verifies")


def test_every_operation_can_be_reached_from_the_list(signed_in, home):
    """F-069: every operation is possible from console, REST and command line."""
    alice = signed_in("alice")
    alice.goto(home + "/operations")
    listed = alice.get_by_role("main").get_by_role("link").count()
    assert listed >= len([spec for spec in OPERATIONS if spec.action]), (
        "all but the ways in, which have pages of their own"
    )
    alice.get_by_role("link", name="Show whether the key service is sealed, and what it runs on").click()
    expect(alice.get_by_role("main")).to_contain_text("unsealed")
    alice.goto(home + "/operations/kms.key.create")
    alice.get_by_label("Owner").fill("x")
    alice.get_by_label("Purpose").first.fill("y")
    alice.get_by_label("Rotation days").evaluate("field => { field.removeAttribute('min'); field.value = '0' }")
    alice.get_by_role("button", name="Do it").click()
    expect(alice.get_by_role("alert")).to_contain_text("rotation_days")
    expect(alice.get_by_label("Owner")).to_have_value("x")


READERS = {("alice", "en-GB"): (DESKTOP, PHONE), ("bruno", "fr-FR"): (PHONE, DESKTOP)}
"""Who reads in which language: the size of the window in light, and that in dark."""
EVERYTHING = (
    "/",
    "/me",
    "/approvals",
    "/people",
    "/machines",
    "/requests",
    "/requests/new",
    "/shells",
    "/rights",
    "/audit",
    "/log",
    "/keys",
    "/key-service",
    "/buckets",
    "/storage",
    "/health",
    "/operations",
    "/operations/kms.key.create",
    "/operations/iam.machine.create",
    "/operations/iam.role.list?~run=1",
    "/reviews",
    "/break-glass",
    "/agreements",
    "/outside-accounts",
    "/passkeys",
    "/audit/1",
    "/buckets?usage=1",
    "/me?part=keys",
    "/sign-in/passkey",
    "/sign-in",
    "/enrol",
    "/nothing",
)


@pytest.mark.parametrize("path", EVERYTHING)
def test_every_page_is_built_for_everybody(signed_in, home, path):
    """RGAA and WCAG 2.2 AA, as far as a program can tell: axe, in both languages, light and dark, at a desk and on a telephone.

    Of the eight combinations four are looked at, so that each pair of language, colours and size occurs.
    """
    for (login, language), (light, dark) in READERS.items():
        page = signed_in(login, language)
        page.goto(home + path)
        assert violations_at(page, light, schemes=("light",)) + violations_at(page, dark, schemes=("dark",)) == []


def test_signing_out_leaves_nothing_to_go_back_to(signed_in, home):
    """ASVS 7.4.4: whoever takes the chair next sees no page of the person before."""
    page = signed_in("alice")
    page.goto(home + "/people")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("status")).to_have_text("You are signed out.")
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
