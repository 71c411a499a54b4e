"""Stories of people in the console, in a real browser over a real platform: rights asked for, machines, roles, data, a shell.

Each is walked by accessible names and typed keys, as a keyboard and a screen reader do; pictures are taken on the way.
"""

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from nexus.app.cli.sessions import SessionFile, StoredSession
from nexus.app.demo.people import four_eyes, in_days
from nexus.kernel.clock import HOUR, Instant, SystemClock
from simulators.accessibility import DESKTOP, PHONE, violations_at
from simulators.bastion import have_ssh


def in_days_typed(days):
    """A moment as a form takes it."""
    return (datetime.now(UTC) + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M")


@pytest.fixture(scope="module")
def chloe(platform):
    """A data steward of Lyon."""
    return platform.person("chloe", "data_steward", "site:chu-lyon")


def ask(page, role, scope, reason):
    """Fill in the form for a right, from the menu, by keyboard."""
    page.get_by_role("link", name="Demandes de droits").press("Enter")
    page.get_by_role("link", name="Demander un droit").press("Enter")
    page.get_by_label("Rôle").select_option(role)
    page.get_by_label("Périmètre").fill(scope)
    page.get_by_label("Jusqu'au").fill(in_days_typed(60))
    page.get_by_label("Motif").fill(reason)


def test_a_right_is_asked_for_and_granted_another_is_refused_and_the_asker_reads_why(signed_in, chloe, home, picture):
    """Issue 3: ask for a right; granted by those who may; the asker sees what became of it."""
    asker, officer = signed_in("chloe", "fr-FR", chloe), signed_in("bruno")
    ask(asker, "researcher", "project:sepsis", "Étude sur le sepsis : lecture des comptes rendus de réanimation")
    picture(asker, "ask-fr")
    asker.get_by_role("button", name="Envoyer la demande").press("Enter")
    expect(asker.get_by_role("status")).to_contain_text("C'est fait")
    ask(asker, "output_checker", "project:sepsis", "Vérifier les sorties de l'étude pendant les congés")
    asker.get_by_role("button", name="Envoyer la demande").press("Enter")
    expect(asker.get_by_role("row").filter(has_text="Chloe")).to_have_count(2)
    picture(asker, "requests-fr")

    officer.goto(home)
    officer.get_by_role("link", name="Requests for rights").press("Enter")
    expect(officer.get_by_role("row").filter(has_text="Chloe chloe")).to_have_count(2)
    picture(officer, "requests")
    assert violations_at(officer, DESKTOP, PHONE) == []
    officer.get_by_role("row").filter(has_text="researcher").get_by_role("button", name="Grant it").press("Enter")
    expect(officer.get_by_role("status")).to_contain_text("Done")
    officer.get_by_role("row").filter(has_text="output checker").get_by_role("link", name="Refuse").press("Enter")
    officer.get_by_label("Answer").fill("The colleague who checks outputs is back: ask her")
    officer.get_by_role("button", name="Do it").press("Enter")
    expect(officer.get_by_text("Nothing is in this state.")).to_be_visible()
    officer.get_by_role("link", name="granted", exact=True).press("Enter")
    expect(officer.get_by_role("row").filter(has_text="researcher")).to_contain_text("Bruno Petit")

    asker.get_by_role("link", name="non accordée").press("Enter")
    expect(asker.get_by_role("row").filter(has_text="vérificateur")).to_contain_text("is back: ask her")
    asker.get_by_role("link", name="Mes droits").press("Enter")
    expect(asker.get_by_role("rowheader", name="chercheur")).to_be_visible()
    picture(asker, "my-rights-fr")


def test_a_machine_is_created_for_its_owner_who_alone_makes_its_credentials(signed_in, platform, chloe, home, picture):
    """Issue 3: machines. The officer chooses the owner by name; the owner is shown each secret once."""
    officer, owner = signed_in("alice"), signed_in("chloe", "fr-FR", chloe)
    officer.goto(home)
    officer.get_by_role("link", name="Machines").press("Enter")
    officer.get_by_role("link", name="Create a machine").press("Enter")
    officer.get_by_label("Name").fill("nightly import of Lyon")
    officer.get_by_label("Owner").select_option(label="Chloe (chloe)")
    picture(officer, "machine-create")
    officer.get_by_role("button", name="Do it").press("Enter")
    expect(officer.get_by_role("row").filter(has_text="nightly import")).to_contain_text("Chloe chloe")
    officer.get_by_role("link", name="nightly import of Lyon").press("Enter")
    expect(officer.get_by_text("made by its owner")).to_be_visible()
    expect(officer.get_by_role("link", name="Create an access key")).to_have_count(0)
    officer.get_by_role("link", name="Certificates").press("Enter")
    expect(officer.get_by_role("link", name="Enrol a certificate")).to_be_visible()
    assert violations_at(officer, DESKTOP, PHONE) == []
    machine = officer.url.rpartition("/")[2].partition("?")[0]

    owner.goto(f"{home}/machines/{machine}")
    owner.get_by_role("link", name="Créer un jeton de service").press("Enter")
    owner.get_by_label("Libellé").fill("planificateur de nuit")
    owner.locator("[name=expires_at]").fill(in_days_typed(30))
    owner.get_by_role("button", name="Exécuter").press("Enter")
    expect(owner.locator("code.secret")).to_have_count(1)
    owner.get_by_role("link", name="Continuer").press("Enter")
    expect(owner.get_by_role("rowheader", name="planificateur de nuit")).to_be_visible()
    owner.get_by_role("link", name="Créer une clé d'accès").press("Enter")
    owner.get_by_label("Finalité", exact=True).select_option("quality")
    owner.locator("[name=expires_at]").fill(in_days_typed(30))
    owner.get_by_role("button", name="Exécuter").press("Enter")
    expect(owner.get_by_text("montré qu'une fois")).to_be_visible()
    owner.get_by_role("link", name="Continuer").press("Enter")
    expect(owner.get_by_role("row").filter(has_text="qualité")).to_be_visible()
    picture(owner, "machine-fr")
    officer.goto(f"{home}/machines/{machine}?part=tokens")
    expect(officer.get_by_role("rowheader", name="planificateur de nuit")).to_be_visible()
    picture(officer, "machine")


def test_who_holds_which_role_and_what_nobody_holds(signed_in, chloe, home, picture):
    """Issue 3: roles."""
    officer = signed_in("bruno")
    officer.goto(home)
    officer.get_by_role("link", name="People", exact=True).press("Enter")
    expect(officer.get_by_role("row").filter(has_text="Chloe")).to_contain_text("active")
    picture(officer, "people")
    officer.get_by_role("link", name="Roles", exact=True).press("Enter")
    stewards = officer.get_by_role("region", name="data steward")
    expect(stewards.get_by_role("rowheader", name="Chloe chloe")).to_be_visible()
    expect(officer.get_by_role("region", name="Held by nobody")).to_contain_text("consent desk")
    picture(officer, "roles", whole=True)
    assert violations_at(officer, DESKTOP, PHONE) == []


def test_storage_says_at_once_that_a_disk_went_and_that_it_is_back(signed_in, platform, home, picture):
    """Issue 6: replication state, for operators."""
    operator, blobs, gone = signed_in("bruno"), platform.data / "blobs", platform.data / "unplugged"
    operator.goto(home)
    operator.get_by_role("link", name="Storage").press("Enter")
    place = operator.get_by_role("row").filter(has_text=str(blobs))
    expect(place).to_contain_text("reachable")
    blobs.rename(gone)
    try:
        operator.get_by_role("link", name="Ask again").press("Enter")
        expect(place).to_contain_text("away")
        expect(place).to_contain_text("mount its disk")
    finally:
        gone.rename(blobs)
    operator.get_by_role("link", name="Ask again").press("Enter")
    expect(place).to_contain_text("reachable")
    assert violations_at(operator, DESKTOP, PHONE) == []


def test_buckets_are_listed_and_what_they_hold_is_counted_where_it_is_asked_for(
    signed_in, platform, chloe, home, picture
):
    """Issue 3: buckets and usage."""
    steward = signed_in("chloe", "fr-FR", chloe)
    key = chloe.access_key("quality")
    for name, kind in (("lyon-depot", "ingress"), ("lyon-imagerie", "standard")):
        chloe.call("objects.bucket.create", name=name, site="chu-lyon", kind=kind)
    for number in range(3):
        platform.s3(key).put_object(Bucket="lyon-imagerie", Key=f"scan-{number}", Body=bytes(40_000))
    steward.goto(home)
    steward.get_by_role("link", name="Compartiments").press("Enter")
    expect(steward.get_by_role("row").filter(has_text="lyon-depot")).to_contain_text("dépôt")
    steward.get_by_role("link", name="Compter ce qu'ils contiennent").press("Enter")
    expect(steward.get_by_role("row").filter(has_text="lyon-imagerie")).to_contain_text("3")
    expect(steward.get_by_role("row").filter(has_text="Tous ceux-ci")).to_contain_text("117")
    picture(steward, "buckets-fr")
    english = signed_in("bruno")
    english.goto(f"{home}/buckets?usage=1")
    expect(english.get_by_role("row").filter(has_text="All of these")).to_be_visible()
    picture(english, "buckets")
    assert violations_at(steward, DESKTOP, PHONE) == []
    steward.get_by_role("link", name="lyon-imagerie").press("Enter")
    expect(steward.get_by_role("main")).to_contain_text("Chloe chloe")
    picture(steward, "bucket-fr")


@pytest.mark.skipif(not have_ssh, reason="OpenSSH's client is not installed (Debian package openssh-client)")
def test_a_session_on_the_machine_is_replayed_and_compared_with_the_log(signed_in, platform, home, prove, picture):
    """Issue 3: privileged access through the bastion, replay in the console. EMC-38."""
    alice, bruno = platform.founder("alice"), platform.founder("bruno")
    right = {"role": "platform_operator", "scope": "platform", "ends_at": in_days(30), "approval": "alone"}
    invited = alice.call("iam.person.create", login="oscar", name="Oscar Vidal", email="oscar@hub.example")
    made = four_eyes(bruno, alice, "iam.eligibility.grant-privileged", identity=invited["person"], **right)
    oscar = type(alice)("oscar", platform).enrol(invited["code"])
    oscar.call("iam.elevation.open", eligibility=made["id"], reason="the disk of the log is nearly full", minutes=60)
    session = StoredSession(
        login="oscar", device="", token=oscar.token, session="ses", expires_at=Instant(SystemClock().now() + HOUR)
    )
    SessionFile(platform.root / "state" / "nexus").put(platform.place.url, session)
    command = "printf 'journal  71 %% of the disk\\n'; sleep 1; printf 'rotated, 12 %% now\\n'"
    done = platform.command("bastion", "connect", "--data", str(platform.data), "--", command, check=False)
    assert "12 % now" in done.stdout, done.stderr

    officer = signed_in("bruno", "fr-FR")
    officer.goto(home)
    officer.get_by_role("link", name="Sessions sur la machine").press("Enter")
    expect(officer.get_by_role("row").filter(has_text="Oscar Vidal")).to_contain_text("fini")
    picture(officer, "shells-fr")
    officer.get_by_role("row").filter(has_text="Oscar Vidal").get_by_role("link").first.press("Enter")
    officer.get_by_role("link", name="Rejouer").press("Enter")
    expect(officer.get_by_role("main").get_by_text("rotated, 12 % now")).to_be_visible()
    picture(officer, "replay-fr", whole=True)
    english = signed_in("alice")
    english.goto(officer.url)
    expect(english.get_by_role("main").get_by_text("rotated, 12 % now")).to_be_visible()
    picture(english, "replay", whole=True)
    assert violations_at(officer, DESKTOP, PHONE) == []
    with officer.expect_download() as started:
        officer.get_by_role("link", name="Enregistrer cette partie").press("Enter")
    saved = started.value.path().read_text()
    assert saved.startswith('{"version":3'), saved[:400]
    officer.get_by_role("link", name="Comparer avec le journal").press("Enter")
    expect(officer.get_by_role("main")).to_contain_text(re.compile("oui"))


def test_pages_work_without_script(browser, home, platform, chloe):
    """Issue 3: what a page needs is HTML; scripts serve passkeys alone. Signing in, reading and asking work without."""
    context = browser.new_context(ignore_https_errors=True, java_script_enabled=False, locale="en-GB")
    page = context.new_page()
    page.goto(home)
    for label, text in (("Login", "chloe"), ("Password", chloe.password), ("Six-digit code", chloe.fresh_code())):
        page.get_by_label(label, exact=True).fill(text)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("My rights")
    page.goto(home + "/requests/new")
    page.get_by_label("Role").select_option("researcher")
    page.get_by_label("Where").fill("project:x")
    page.get_by_label("Until").fill(in_days_typed(5))
    page.get_by_label("Reason").fill("to see that forms need no script")
    page.get_by_role("button", name="Ask for it").click()
    expect(page.get_by_role("status")).to_contain_text("Done")
    page.get_by_role("button", name="Take it back").click()
    expect(page.get_by_role("status")).to_contain_text("Done")
    context.close()
