"""Story: an operator is let into the machine for an hour, and others see what she did.

The whole platform, the `nexus` command, and OpenSSH's client.
"""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from nexus.app.cli.sessions import SessionFile, StoredSession
from nexus.app.demo.people import four_eyes, in_days
from nexus.kernel.clock import HOUR, Instant, SystemClock
from simulators.bastion import have_ssh
from simulators.installation import Installation, Person

pytestmark = pytest.mark.skipif(
    not have_ssh, reason="OpenSSH's client is not installed (Debian package openssh-client)"
)


@pytest.fixture
def installation(platform: Installation) -> Iterator[Installation]:
    """Whoever sat at the terminal has left when the test ends."""
    yield platform
    shutil.rmtree(platform.root / "state", ignore_errors=True)


def sits_at_the_terminal(installation: Installation, who: Person) -> None:
    """The `nexus` command is signed in as this person from now on."""
    session = StoredSession(
        login=who.login, device="", token=who.token, session="ses", expires_at=Instant(SystemClock().now() + HOUR)
    )
    SessionFile(installation.root / "state" / "nexus").put(installation.place.url, session)


def test_an_elevated_operator_works_on_the_machine_and_others_see_it(installation, tmp_path: Path):
    """EMC-38, F-002: privileged access through a bastion, for whom two others have agreed that she may."""
    alice, bruno = installation.founder("alice"), installation.founder("bruno")
    assert installation.status()["bastion"].startswith("ssh://127.0.0.1:")
    invited = alice.call("iam.person.create", login="olga", name="Olga Durand", email="olga@hospital.example")
    eligible = four_eyes(
        bruno,
        alice,
        "iam.eligibility.grant-privileged",
        identity=invited["person"],
        role="platform_operator",
        scope="platform",
        ends_at=in_days(30),
        approval="alone",
    )
    olga = Person("olga", installation).enrol(invited["code"])
    sits_at_the_terminal(installation, olga)
    assert installation.nexus("bastion", "connect", check=False).returncode == 3, "not elevated yet"

    reason = "the disk of the log is nearly full"
    olga.call("iam.elevation.open", eligibility=eligible["id"], reason=reason, minutes=60)
    done = installation.command(
        "bastion", "connect", "--data", str(installation.data), "--", "echo $NEXUS_DATA; exit 5", check=False
    )
    assert (done.returncode, done.stdout.strip()) == (5, str(installation.data)), done.stderr

    session = bruno.call("bastion.session.list")["sessions"][0]
    assert (session["login"], session["end"]) == ("olga", "finished")
    checked = alice.call("bastion.session.verify", id=session["id"])
    assert checked["sound"], checked
    receipt = alice.call("audit.entry.prove", for_purpose="audit", index=checked["last_entry"])
    assert receipt["index"] == checked["last_entry"]

    sits_at_the_terminal(installation, alice)
    installation.nexus("bastion", "replay", session["id"], str(tmp_path / "session.cast"))
    header, *events = map(json.loads, (tmp_path / "session.cast").read_text().splitlines())
    assert (header["version"], header["title"]) == (3, session["id"])
    assert [data for _, code, data in events if code == "o"] == [f"{installation.data}\n"]
