"""People of a demonstration: each with a password, an authenticator and a session over REST; and boto3 for their keys."""

import secrets
import time
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import parse_qs, urlparse

import pyotp

from nexus.app.cli.connection import Place
from nexus.app.cli.rest_client import Refused, Reply, RestClient
from nexus.app.demo.passkey import SoftwarePasskey
from nexus.app.operations import operation
from nexus.kernel.clock import DAY, SystemClock, rfc3339
from nexus.kernel.errors import StepUpNeeded

TOTP_STEP_S: Final = 30
CODE_COUNTS_S: Final = 15
"""Time for which a code still counts when it is given out: on a machine that others share, a form arrives late."""
WORDS: Final = (
    "amber",
    "birch",
    "cobalt",
    "dune",
    "ember",
    "fjord",
    "granite",
    "heron",
    "indigo",
    "juniper",
    "kestrel",
)


class Person:
    """Somebody who signs in. `place` is asked at each call: a restart may move the doors, and sessions go on."""

    def __init__(self, login: str, place: Callable[[], Place], password: str = "") -> None:
        self.login = login
        self.password = password or new_password()
        self.id = ""
        self.token = ""
        self.otpauth = ""
        self.passkey: SoftwarePasskey | None = None
        """Registered when the platform first asks for a fresh factor: a code serves once in half a minute."""
        self._used_step = 0
        self._place = place
        self._client: RestClient | None = None

    @property
    def authenticator(self) -> pyotp.TOTP:
        """The application on the person's telephone."""
        return pyotp.TOTP(parse_qs(urlparse(self.otpauth).query)["secret"][0])

    @property
    def secrets(self) -> list[str]:
        """What only this person knows or holds."""
        return [self.password, self.authenticator.secret, self.token]

    def reply(self, _name: str, *, for_purpose: str = "", **request: Any) -> Reply:
        """Perform an operation. Raises `Refused` with the platform's error."""
        place = self._place()
        if self._client is None or self._client.place != place:
            self._client = RestClient(place, self.token)
        spec = operation(_name)
        try:
            return self._client.call(spec, request, purpose=for_purpose)
        except Refused as refused:
            if not isinstance(refused.error, StepUpNeeded):
                raise
            proof = self._fresh_factor(refused.error.digest, registering=_name == "iam.passkey.begin")
        return self._client.call(spec, request, purpose=for_purpose, step_up=proof)

    def call(self, _name: str, *, for_purpose: str = "", **request: Any) -> Any:
        """Perform an operation; the document that it answers."""
        return self.reply(_name, for_purpose=for_purpose, **request).document

    def enrol(self, code: str) -> "Person":
        """Choose the password, take the second factor, sign in."""
        begun = self.call("iam.enrolment.start", login=self.login, code=code, password=self.password)
        self.otpauth = begun["otpauth_uri"]
        self.call("iam.enrolment.confirm", login=self.login, code=code, totp=self.next_code())
        return self.sign_in()

    def sign_in(self) -> "Person":
        if self.passkey is None:
            typed = {"login": self.login, "password": self.password, "totp": self.next_code()}
            signed_in = self.call("iam.session.create", **typed)
        else:
            signed_in = self.call("iam.passkey.sign-in", **self.passkey.get(self.call("iam.passkey.challenge")))
        self.id, self.token, self._client = signed_in["person"], signed_in["token"], None
        return self

    def next_code(self) -> str:
        """A code that was not used before. The platform takes that of one step before and after too; else we wait."""
        step = max(self._used_step + 1, int(time.time() + CODE_COUNTS_S) // TOTP_STEP_S - 1)
        if (early := (step - 1) * TOTP_STEP_S - time.time()) > 0:
            time.sleep(early)
        self._used_step = step
        return self.authenticator.at(step * TOTP_STEP_S)

    def _fresh_factor(self, digest: str, *, registering: bool) -> str:
        """A proof for exactly this content: by passkey, or by a code where it is the passkey that is registered."""
        if registering:
            proved: dict[str, Any] = {"totp": self.next_code()}
        else:
            passkey = self.passkey or self._register_passkey()
            proved = {"assertion": passkey.get(self.call("iam.step-up.begin", digest=digest))}
        proof: str = self.call("iam.step-up.prove", digest=digest, **proved)["proof"]
        return proof

    def _register_passkey(self) -> SoftwarePasskey:
        mine = {"identity": self.id, "name": "key in software"}
        made = SoftwarePasskey()
        self.call("iam.passkey.register", **mine, **made.create(self.call("iam.passkey.begin", **mine)))
        self.passkey = made
        return made

    def access_key(self, purpose: str, days: int = 1) -> dict[str, str]:
        """An S3 access key of one's own; its secret is shown this once."""
        made: dict[str, str] = self.call(
            "iam.access-key.create", identity=self.id, purpose=purpose, expires_at=in_days(days)
        )
        return made


def new_password() -> str:
    """Words that can be typed, from enough of them that nobody guesses."""
    return "-".join(secrets.choice(WORDS) for _ in range(5)) + f"-{secrets.randbelow(1000):03}"


def in_days(days: int) -> str:
    """A time from now, as REST writes it."""
    return rfc3339(SystemClock().now() + days * DAY)


def four_eyes(proposer: Person, approver: Person, _name: str, **request: Any) -> Any:
    """A sensitive operation from its intent to its execution by two persons; its result."""
    intent = proposer.reply(_name, **request).document
    approver.call("iam.approval.approve", id=intent["id"], digest=intent["digest"])
    return proposer.call("iam.approval.execute", id=intent["id"])
