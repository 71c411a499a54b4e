"""Steps 1 to 3: the platform starts, its people enrol, a hospital gets its ingress bucket."""

from nexus.app.demo.people import four_eyes
from nexus.app.demo.scenery import WITNESSES
from nexus.app.demo.story import BUCKET, SITE, Story

SETTINGS = {
    "s3_port": 0,
    "api_port": 0,
    "console_port": 0,
    "portal_port": 0,
    "bastion_port": 0,
    "demo_destruction_seconds": 2,
    "stop_grace_s": 3,
    "checkpoint_interval_ms": 500,
    "mail_delivery": "folder",
    "pseudonyms": True,
    "catalogue_publisher": "CHU Lille",
    "catalogue_contact": "mailto:donnees@chu-lille.example",
    "catalogue_access_body": "Health data access body",
    "catalogue_access_body_contact": "https://access-body.example",
}
"""Free ports, and a waiting period that only a demonstration's directory accepts."""


def start(story: Story) -> None:
    """Found the platform and start it."""
    stage, scenery = story.stage, story.scenery
    with stage.step("The platform starts"):
        with stage.waiting("removing what an earlier demonstration left"):
            scenery.clear()
        with stage.waiting("founding"):
            story.codes = scenery.found(SETTINGS)
        with stage.waiting("starting"):
            scenery.up()
        status = scenery.quietly("status", "--data", str(scenery.data))
        keys = status["key_service"]
        where = keys["device"] or "a sealed software keystore"
        stage.fact("keys", f"{where}; emulated, as `nexus doctor` says: it proves the protocol, not the protection")
        stage.fact("doors", f"S3 {status['s3']}   REST {status['api']}   TLS 1.3 only, own certificate authority")
        stage.did(f"{len(status['processes'])} processes run, each with what it needs and no more")


def enrol(story: Story) -> None:
    """Founders and others take their second factors; two witnesses begin to remember the log."""
    stage = story.stage
    with stage.step("Two persons enrol with their second factors"):
        for login in ("alice", "bruno"):
            person = story.enter(login, story.codes[login])
            stage.fact(
                login, f"one-time code used, password chosen, authenticator code {person.authenticator.now()} accepted"
            )
        alice, bruno = story.people["alice"], story.people["bruno"]
        log_keys = bruno.call("audit.log.read", for_purpose="audit")["keys"]
        with stage.waiting("starting two witnesses"):
            specs = story.scenery.witness(log_keys)
        four_eyes(alice, bruno, "audit.log.configure", witnesses=specs, quorum=len(specs))
        stage.did(f"{' and '.join(WITNESSES)} cosign the log: alice proposed it, bruno approved")
        story.invite("claire", "Claire Dubois", "data_provider", f"site:{SITE}")
        story.invite("david", "David Moreau", "data_steward", f"site:{SITE}")
        story.invite("eva", "Eva Laurent", "researcher", f"site:{SITE}")
        stage.did("claire (data provider), david (steward), eva (researcher): alice invited, bruno gave the rights")


def create_bucket(story: Story) -> None:
    """A site with a key of its own, and its ingress bucket under that key."""
    stage, alice, david = story.stage, story.people["alice"], story.people["david"]
    with stage.step("A hospital gets its ingress bucket"):
        key = alice.call("kms.key.create", owner=f"site:{SITE}", purpose="data of CHU Lille", rotation_days=90)
        bucket = david.call("objects.bucket.create", name=BUCKET, site=SITE, kind="ingress")
        stage.fact("bucket", f"{bucket['name']}  kind {bucket['kind']}, site {bucket['site']}")
        stage.fact("key", f"{key['id']}  made by the key service, owner {key['owner']}, rotates in 90 days")
        assert bucket["key_id"] == key["id"]
        stage.did("everything in it is encrypted under that key; there is no switch to turn that off")
