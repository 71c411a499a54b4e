"""Steps 11 and 12: a patient opens her account, sees who read her data, withdraws; the next read is refused, and both are proved."""

import re
import ssl
from collections.abc import Mapping
from html import unescape
from typing import Any, Final

import httpx

from nexus.app.demo.passkey import SoftwarePasskey
from nexus.app.demo.story import SITE, Story

BUCKET: Final = "chu-lille-imaging"
KEY: Final = "ct/7"
BORN: Final = "1958-03-14"
TELEPHONE: Final = "a patient's telephone (demonstration)"
_FORM: Final = re.compile(r"<form ([^>]*)>(.*?)</form>", re.DOTALL)
_HIDDEN: Final = re.compile(r'type="hidden" name="([^"]+)" value="([^"]*)"')
_HELD: Final = re.compile(r'<li class="line held">(.*?)</li>', re.DOTALL)
_LINE: Final = re.compile(r'<p class="who">(.*?)</p>.*?href="(/acces/\d+)', re.DOTALL)


class Telephone:
    """A patient's browser over the portal's pages, with a passkey in software."""

    def __init__(self, home: str, authority: str) -> None:
        trust = ssl.create_default_context(cafile=authority)
        self.home = home
        self.passkey = SoftwarePasskey(home)
        self.page = ""
        self._http = httpx.Client(base_url=home, verify=trust, headers={"User-Agent": TELEPHONE}, timeout=30)

    def open(self, path: str) -> str:
        """Go to a page."""
        return self._seen(self._http.get(path))

    def send(self, path: str, **fields: str) -> str:
        """Fill in the open page's form that goes to `path`, send it, and follow."""
        answer = self._http.post(path, data={**self._hidden(path), **fields}, headers={"Origin": self.home})
        return (
            self.open(answer.headers["location"]) if answer.status_code == httpx.codes.SEE_OTHER else self._seen(answer)
        )

    def enrol(self, code: str, born: str) -> str:
        """Open the account: the letter's code, the birth date, and a passkey of this telephone."""
        self.open("/ouvrir")
        year, month, day = born.split("-")
        self.send("/ouvrir", code=code, day=day, month=month, year=year)
        return self.send("/ouvrir/appareil", name="telephone", **self.passkey.create(self._asked()))

    def lines(self) -> list[tuple[str, str]]:
        """What the open page says of uses, and where each is checked."""
        return [(" ".join(re.sub("<[^>]+>", "", who).split()), link) for who, link in _LINE.findall(self.page)]

    def held(self) -> list[str]:
        """What the open page says is held."""
        return [" ".join(re.sub("<[^>]+>", " ", one).split()) for one in _HELD.findall(self.page)]

    def _hidden(self, path: str) -> dict[str, str]:
        for attributes, inside in _FORM.findall(self.page):
            if f'action="{path}"' in attributes:
                return {name: unescape(value) for name, value in _HIDDEN.findall(inside)}
        return {}

    def _asked(self) -> Mapping[str, Any]:
        found = dict(re.findall(r'data-([a-z-]+)="([^"]*)"', self.page))
        return {
            "challenge": unescape(found["challenge"]),
            "rp_id": found["rp"],
            "user_handle": unescape(found["handle"]),
        }

    def _seen(self, answer: httpx.Response) -> str:
        if answer.is_error:
            raise AssertionError(f"the portal answers {answer.status_code}")
        self.page = answer.text
        return self.page


def enrol_patient(story: Story) -> None:
    """Her scan lies in a bucket that asks its patients; a letter opens her account; she allows research."""
    stage, david = story.stage, story.people["david"]
    with stage.step("A patient opens her account"):
        fiona = story.invite("fiona", "Fiona Garnier", "consent_desk", f"site:{SITE}")
        story.subject = fiona.call("consent.subject.register", site=SITE, reference="8001234567")["subject"]
        stage.fact("subject", f"{story.subject}: all that the platform calls her; her name stays in the hospital")
        david.call("objects.bucket.create", name=BUCKET, site=SITE, kind="standard")
        david.call("objects.bucket.declare-subjects", name=BUCKET, categories=["imaging"], source="pacs")
        scans = story.scenery.s3(david.access_key("operation"))
        scans.put_object(Bucket=BUCKET, Key=KEY, Body=story.samples[0].body, Metadata={"nexus-subject": story.subject})
        stage.fact("scan", f"{BUCKET}/{KEY}: from now on, each read of it asks her decisions at that moment")
        letter = fiona.call("consent.enrolment.create", subject=story.subject, birth_date=BORN)
        status = story.scenery.quietly("status", "--data", str(story.scenery.data))
        stage.fact("letter", f"code {letter['code']}, once, with her birth date, at {letter['address']}")
        story.telephone = Telephone(status["portal"], str(story.scenery.data / "tls" / "ca.pem"))
        story.telephone.enrol(letter["code"], BORN)
        stage.did(f"her telephone made a passkey; she is in: {status['portal']}")
        story.telephone.open("/choix")
        story.telephone.send("/choix", what="purpose", name="research", to="allow")
        stage.did("she allows research, by one switch")


def withdraw(story: Story) -> None:
    """Eva reads; the patient sees it and withdraws; Eva's next read is refused; the log proves both."""
    from botocore.exceptions import ClientError

    stage, telephone = story.stage, story.telephone
    with stage.step("She sees who read her data, and withdraws"):
        eva = story.scenery.s3(story.people["eva"].access_key("research"))
        body = eva.get_object(Bucket=BUCKET, Key=KEY)["Body"].read()
        if body != story.samples[0].body:
            raise AssertionError("the scan came back changed")
        stage.did(f"eva reads the scan for research: {len(body):,} bytes")
        telephone.open("/acces")
        stage.fact("she reads", telephone.lines()[0][0])
        telephone.open("/donnees")
        stage.fact("held of her", telephone.held()[0])
        telephone.open("/")
        telephone.send("/refus-general", to="refuse")
        stage.did("one tap on the first page: no use beyond her care any more, no reason asked")
        try:
            eva.get_object(Bucket=BUCKET, Key=KEY)
        except ClientError as error:
            stage.refused(f"eva's next read: {error.response['Error']['Code']}, as if there were no such object")
        else:
            raise AssertionError("a read was served after the withdrawal")
        telephone.open("/acces")
        for line, link in telephone.lines()[:2]:
            stage.fact("she reads", line)
            _prove(story, link)
        stage.did("both lines verify offline from her receipts, with the log's public keys and the witnesses'")


def _prove(story: Story, link: str) -> None:
    """Her receipt of one line, checked by somebody who has nothing but two files."""
    with story.stage.waiting("waiting for both witnesses"):
        log = story.until_witnessed()
    text = story.telephone.open(f"{link}/recu")
    receipt, policy = story.scenery.work / "patients-receipt", story.scenery.work / "policy"
    receipt.write_text(text)
    policy.write_text(log["policy"])
    proven = story.scenery.quietly("audit", "verify", str(receipt), "--policy", str(policy))["content"]
    if proven["subject"] != story.subject:
        raise AssertionError("the receipt is about somebody else")
    story.telephone.open("/acces")


def new_letter(story: Story) -> Mapping[str, str]:
    """For whoever watches: a code that makes this patient's account yours."""
    made: Mapping[str, str] = story.people["fiona"].call(
        "consent.enrolment.create", subject=story.subject, birth_date=BORN
    )
    return made
