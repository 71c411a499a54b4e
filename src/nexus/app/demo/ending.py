"""Step 10 and the end: a key is destroyed by four eyes; the platform stays up, and you may come in."""

import os
import shutil
import sys

from rich.table import Table

from nexus.app.cli.rest_client import Refused
from nexus.app.demo.patient import new_letter
from nexus.app.demo.story import SITE, Story

PILOT = "pilot-study"


def destroy_key(story: Story) -> None:
    """A project's key, and with it everything under it."""
    from botocore.exceptions import ClientError

    stage, alice, bruno, david = story.stage, *(story.people[name] for name in ("alice", "bruno", "david"))
    with stage.step("A key is destroyed by four eyes"):
        key = alice.call("kms.key.create", owner=f"project:{PILOT}", purpose="a pilot study", rotation_days=90)["id"]
        david.call("objects.bucket.create", name=PILOT, site=SITE, project=PILOT)
        s3 = story.s3("david", "quality")
        s3.put_object(Bucket=PILOT, Key="cohort.csv", Body=story.samples[-1].body)
        stage.fact("object", f"{PILOT}/cohort.csv, under {key}")
        held = alice.reply("kms.key.destroy", key_id=key)
        stage.fact("alice", f"asks to destroy it: held as an intent, {held.document['id']}")
        try:
            alice.call("iam.approval.approve", id=held.document["id"], digest=held.document["digest"])
        except Refused as refused:
            stage.refused(f"alice approves it herself: {refused.error.message}")
        else:
            raise AssertionError("one person sufficed")
        bruno.call("iam.approval.approve", id=held.document["id"], digest=held.document["digest"])
        alice.call("iam.approval.execute", id=held.document["id"])
        stage.fact("bruno", "approves exactly these bytes; alice executes, once")
        stage.fact("both", "prove a passkey (here in software) for each step, bound to exactly that content")
        with stage.waiting("waiting: seven to thirty days in earnest, two seconds here"):
            destroyed = story.until(lambda: _destroyed(story, key))
        stage.did(f"destroyed at {destroyed['destroyed_at'][11:19]}Z, with a signed certificate in the log")
        try:
            s3.get_object(Bucket=PILOT, Key="cohort.csv")
        except ClientError as error:
            stage.did(f"the object is gone for good: {error.response['Error']['Message']}")
        else:
            raise AssertionError("the object came back")


def _destroyed(story: Story, key: str) -> dict[str, str] | None:
    found: dict[str, str] = story.people["alice"].call("kms.key.read", key_id=key)
    return found if found["state"] == "destroyed" else None


def leave_open(story: Story) -> None:
    """Where it listens, and how to sign in."""
    stage, scenery, claire = story.stage, story.scenery, story.keys["claire"]
    status = scenery.quietly("status", "--data", str(scenery.data))
    lines = {
        "AWS_ACCESS_KEY_ID": claire["id"],
        "AWS_SECRET_ACCESS_KEY": claire["secret"],
        "AWS_CA_BUNDLE": str((scenery.data / "tls" / "ca.pem").resolve()),
        "AWS_ENDPOINT_URL": status["s3"],
        "AWS_DEFAULT_REGION": "eu-west-3",
    }
    environment = scenery.root / "claire.env"
    environment.write_text("".join(f"export {name}={value}\n" for name, value in lines.items()))
    environment.chmod(0o600)
    stage.title("The platform stays up.", f"{stage.seconds:.0f} s in all")
    card = Table.grid(padding=(0, 2))
    card.add_column(style="dim", no_wrap=True)
    card.add_column(overflow="fold")
    nexus, data = _command(), f"--data {scenery.data}"
    card.add_row("S3", status["s3"])
    card.add_row("REST", f"{status['api']}   (OpenAPI: /v1/openapi.json)")
    card.add_row("console", f"{status['console']}   (a browser must trust {scenery.data}/tls/ca.pem)")
    letter = new_letter(story)
    card.add_row("portal", f"{letter['address']}   be the patient: code {letter['code']}, born 14 3 1958")
    card.add_row("catalogue", f"{story.catalogue}   which datasets exist, for everybody")
    card.add_row("as claire", f"source {environment} && aws s3 ls s3://chu-lille-ingress --recursive")
    card.add_row("sign in", f"{nexus} login bruno {data}")
    card.add_row("", f"password {story.people['bruno'].password}, code from: {nexus} demo --code bruno")
    card.add_row("then", f"{nexus} audit entry list --for audit {data}")
    card.add_row("examine", f"{nexus} doctor {data}")
    card.add_row("stop", f"make down   (or: {nexus} demo --stop)")
    stage.space()
    stage.show(card)
    stage.space()


def _command() -> str:
    """How this program is called from here: by its name only where the shell would find it."""
    called = sys.argv[0]
    return "nexus" if shutil.which("nexus") else os.path.relpath(called)
