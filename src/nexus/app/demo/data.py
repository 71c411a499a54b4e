"""Steps 4 to 7: real data go in, the disk shows nothing, those who may read, the others are refused."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from nexus.app.demo.story import BUCKET, Story

MAX_SHOWN = 3


def upload(story: Story) -> None:
    """Claire uploads with boto3."""
    stage = story.stage
    with stage.step("Claire uploads real data with boto3"):
        stage.fact("from", story.source)
        s3 = story.s3("claire", "care")
        for sample in story.samples:
            s3.put_object(Bucket=BUCKET, Key=sample.key, Body=sample.body, Metadata={"about": sample.about})
        for sample in [*story.samples[:MAX_SHOWN], story.samples[-1]]:
            stage.fact("put", f"{sample.key}  {len(sample.body):,} bytes, {sample.about}")
        total = sum(len(sample.body) for sample in story.samples)
        stage.did(
            f"{len(story.samples)} objects, {total:,} bytes; each durable and in the log before it was acknowledged"
        )


def search_disk(story: Story) -> None:
    """The thief reads every file of the data directory."""
    stage = story.stage
    with stage.step("A thief reads the disk"):
        sought = canaries(story)
        there = [text for text in sought if any(text.encode() in sample.body for sample in story.samples)]
        places = (story.scenery.data, story.scenery.anchors)
        files = [path for place in places for path in place.rglob("*") if path.is_file()]
        found = search(files, sought)
        size = sum(path.stat().st_size for path in files)
        stage.fact(
            "looked for", f"{len(sought)} strings: names, numbers, object names, passwords, second factors, keys"
        )
        stage.fact("such as", ", ".join(repr(text) for text in there[:MAX_SHOWN]))
        stage.fact("control", f"the same search finds {len(there)} of them in the files that were uploaded")
        if found:
            raise AssertionError(f"plaintext on the disk: {found}")
        stage.did(f"none of them in {len(files)} files, {size:,} bytes, of the platform")


def canaries(story: Story) -> list[str]:
    """What must not be found: from the data, and from the people."""
    texts = [text for sample in story.samples for text in (*sample.canaries, Path(sample.key).name)]
    texts += [secret for person in story.people.values() for secret in person.secrets]
    texts += [key["secret"] for key in story.keys.values()]
    return list(dict.fromkeys(texts))


def search(files: list[Path], sought: list[str]) -> Mapping[str, str]:
    """What was found, and where."""
    found: dict[str, str] = {}
    for path in files:
        content = path.read_bytes()
        found |= {text: path.name for text in sought if text.encode() in content}
    return found


def read_back(story: Story) -> None:
    """David may read, and gets exactly what Claire wrote."""
    stage = story.stage
    with stage.step("David, the data steward, reads it back"):
        s3 = story.s3("david", "quality")
        for sample in story.samples:
            reply = s3.get_object(Bucket=BUCKET, Key=sample.key)
            if hashlib.sha256(reply["Body"].read()).digest() != hashlib.sha256(sample.body).digest():
                raise AssertionError(f"{sample.key} came back changed")
            story.read_operation = reply["ResponseMetadata"]["RequestId"]
        stage.did(f"{len(story.samples)} objects, every byte the same (SHA-256)")
        part = s3.get_object(Bucket=BUCKET, Key=story.samples[0].key, Range="bytes=128-131")["Body"].read()
        stage.did(f"a range of 4 bytes out of the middle: {part!r}, decrypted without reading the rest")


def refuse(story: Story) -> None:
    """Eva may not, for no purpose; Claire may not for a purpose that is none of care."""
    from botocore.exceptions import ClientError

    stage = story.stage
    with stage.step("Eva, a researcher, is refused"):
        tries = (
            ("eva", "research", "a researcher never sees data as they came in"),
            ("david", "operation", "health data are never read just to run the platform"),
        )
        for login, purpose, why in tries:
            s3 = story.scenery.s3(story.people[login].access_key(purpose))
            try:
                s3.get_object(Bucket=BUCKET, Key=story.samples[0].key)
            except ClientError as error:
                code = error.response["Error"]["Code"]
                stage.refused(f"{login}, for {purpose}: {code}; {why}")
            else:
                raise AssertionError(f"{login} was let in for {purpose}")
        bruno = story.people["bruno"]
        denied = bruno.call("audit.entry.list", for_purpose="audit", outcome="denied", limit=2)["entries"]
        for entry in denied:
            who = entry["content"]["actor"]["name"]
            stage.fact(
                "in the log", f"#{entry['index']}  {who}  {entry['content']['action']}  {entry['content']['outcome']}"
            )
