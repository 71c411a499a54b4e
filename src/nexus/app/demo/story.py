"""What the steps share: who is there, what was uploaded, what the thief looks for."""

import datetime
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from nexus.app.cli.rest_client import Refused
from nexus.app.demo.extracts import Extract
from nexus.app.demo.people import Person, in_days
from nexus.app.demo.samples import Sample
from nexus.app.demo.scenery import Scenery
from nexus.app.demo.stage import Stage
from nexus.kernel.errors import NexusError

SITE: Final = "chu-lille"
BUCKET: Final = "chu-lille-ingress"
RIGHTS_DAYS: Final = 30


@dataclass
class Story:
    """The demonstration under way."""

    stage: Stage
    scenery: Scenery
    source: str
    """Where the samples come from, in words."""
    samples: Sequence[Sample]
    codes: Mapping[str, str] = field(default_factory=dict)
    people: dict[str, Person] = field(default_factory=dict)
    keys: dict[str, dict[str, str]] = field(default_factory=dict)
    """Access keys, by login."""
    read_operation: str = ""
    """The operation of the read that is proved later."""
    subject: str = ""
    """The patient, as the platform calls her."""
    telephone: Any = None
    """Her browser, once she has opened her account."""
    extracts: tuple[Extract, ...] = ()
    """What the hospitals and the claims base deliver."""
    subjects: dict[tuple[str, str], str] = field(default_factory=dict)
    """What consent calls a hospital's patients, by site and the hospital's number."""
    releases: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    """The open release of each project."""
    catalogue: str = ""
    """The address of the public catalogue."""

    @property
    def today(self) -> str:
        return datetime.date.today().isoformat()

    @property
    def ends(self) -> str:
        """When rights that are given now end."""
        return in_days(RIGHTS_DAYS)

    def enter(self, login: str, code: str) -> Person:
        """Somebody enrols and signs in."""
        person = Person(login, self.scenery.place).enrol(code)
        self.people[login] = person
        self._remember()
        return person

    def invite(self, login: str, name: str, role: str, scope: str) -> Person:
        """Alice invites, Bruno gives the right: whoever creates an identity gives it none."""
        alice, bruno = self.people["alice"], self.people["bruno"]
        invited = alice.call("iam.person.create", login=login, name=name, email=f"{login}@hub.example")
        bruno.call("iam.role.grant", identity=invited["person"], role=role, scope=scope, ends_at=self.ends)
        return self.enter(login, invited["code"])

    def s3(self, login: str, purpose: str) -> Any:
        """boto3 for somebody, with an access key for a purpose."""
        if login not in self.keys:
            self.keys[login] = self.people[login].access_key(purpose)
        return self.scenery.s3(self.keys[login])

    def until(self, condition: Callable[[], Any], seconds: float = 30.0) -> Any:
        """What `condition` returns once it is true. Raises TimeoutError."""
        import time

        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                if value := condition():
                    return value
            except (Refused, NexusError):
                pass
            time.sleep(0.1)
        raise TimeoutError("the platform took too long")

    def until_witnessed(self) -> Mapping[str, Any]:
        """The log, once a checkpoint with every witness covers all that has happened by now."""
        bruno = self.people["bruno"]
        size = bruno.call("audit.log.read", for_purpose="audit")["size"]

        def covered() -> Mapping[str, Any] | None:
            log: dict[str, Any] = bruno.call("audit.log.read", for_purpose="audit")
            return log if log["witnessed"] and log["checkpoint_size"] >= size else None

        found: Mapping[str, Any] = self.until(covered)
        return found

    def _remember(self) -> None:
        """Their telephones, as it were: so that whoever watches can sign in as one of them."""
        document = {p.login: {"password": p.password, "otpauth": p.otpauth} for p in self.people.values()}
        self.scenery.people_file.write_text(json.dumps(document, indent=1) + "\n")
        self.scenery.people_file.chmod(0o600)
