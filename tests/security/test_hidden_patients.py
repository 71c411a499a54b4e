"""Nothing betrays that a hidden patient exists: what a researcher sees is what a store that never held them would show.

Two stores are filled by the same random requests; one of them never gets those of the patients who refuse. Whatever the
researcher asks then, over every page size and delimiter, is answered alike, byte for byte, but for names that are random.
"""

import itertools
import os
import random
import re
from urllib.parse import quote

import pytest

from nexus.kernel.operation import Outcome
from nexus.objects.declaration import Declaration
from simulators.deciding import SimulatedPatients
from simulators.operations import operation
from simulators.s3_client import Answer
from simulators.s3_door import SITE, S3Door, machine, open_s3_door

SEEDS = range(int(os.environ.get("NEXUS_HIDING_SEEDS", "2")))
KEYS = [f"{a}{b}" for a in ("ct/", "ct/2024/", "mr/", "", "z/é/") for b in ("1", "2", "3")]
RANDOM_NAMES = re.compile(rb"(?:ver|upl|op)_[0-9a-z]{26}")
VOLATILE = {"x-amz-request-id", "x-amz-id-2", "date"}


class Pair:
    """The store that holds everything, and the one that never held what is hidden."""

    def __init__(self, root, patients: SimulatedPatients) -> None:
        self.doors: list[S3Door] = []
        for name in ("full", "never"):
            (root / name).mkdir()
            self.doors.append(open_s3_door(root / name, subjects=patients))
        self.full, self.never = self.doors
        self.uploads: dict[tuple[str, int], list[str]] = {}

    async def begin(self, *, versioning: bool) -> None:
        for door in self.doors:
            assert (await door.client()("PUT", "/scans")).status == 200
            op = door_operation(door)
            bucket = door.objects.buckets.find("scans")
            await door.objects.buckets.declare_subjects(op, bucket, Declaration(categories=("imaging",)))
            if versioning:
                body = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
                assert (await door.client()("PUT", "/scans?versioning", body)).status == 200
            self.reader = machine("researcher")
            door.rights.give(self.reader, "*")

    def close(self) -> None:
        for door in self.doors:
            door.close()


def door_operation(door: S3Door):
    return operation(door.owner.id, at=door.clock.now())


async def fill(pair: Pair, dice: random.Random, subjects: list[str], visible: set[str]) -> None:
    owner_of = {key: dice.choice(subjects) for key in KEYS}
    for turn in range(40):
        key = dice.choice(KEYS)
        subject = owner_of[key]
        how = dice.choices(("put", "delete", "begin", "copy"), (6, 2, 1, 1))[0]
        body = b"%d" % turn * dice.choice((1, 10, 40_000))
        for door in pair.doors:
            door.clock.advance(1_000_000)
            if door is pair.never and subject not in visible:
                continue
            await change(door, how, key, subject, body)


async def change(door: S3Door, how: str, key: str, subject: str, body: bytes) -> None:
    client, tag = door.client(), {"x-amz-meta-nexus-subject": subject, "x-amz-meta-note": "n"}
    if how == "put":
        assert (await client("PUT", f"/scans/{quote(key)}", body, tag)).status == 200
    elif how == "delete":
        assert (await client("DELETE", f"/scans/{quote(key)}")).status == 204
    elif how == "begin":
        assert (await client("POST", f"/scans/{quote(key)}?uploads", b"", tag)).status == 200
    else:
        source = {"x-amz-copy-source": f"scans/{quote(key)}"}
        answer = await client("PUT", f"/scans/{quote(key)}-copy", b"", source)
        assert answer.status in (200, 404)


class Normal:
    """Replaces names that are random by the order in which they appear."""

    def __init__(self) -> None:
        self._known: dict[bytes, bytes] = {}

    def __call__(self, answer: Answer) -> tuple:
        headers = {n: self.text(v.encode("latin-1")) for n, v in answer.headers.items() if n not in VOLATILE}
        return answer.status, sorted(headers.items()), self.text(answer.body)

    def text(self, body: bytes) -> bytes:
        body = re.sub(rb"<(RequestId|HostId)>[^<]*<", rb"<\1><", body)
        return RANDOM_NAMES.sub(lambda found: self._known.setdefault(found[0], b"#%d" % len(self._known)), body)


def value(answer: Answer, name: str) -> str | None:
    return answer.xml.findtext(name)


async def listings(door: S3Door, client) -> list[Answer]:
    """Every page of every listing."""
    seen: list[Answer] = []
    for prefix, delimiter, size in itertools.product(("", "ct/"), ("", "/"), (1, 3, 1000)):
        scope = f"prefix={quote(prefix, safe='')}&delimiter={quote(delimiter, safe='')}"
        for kind, size_name, marks in (
            ("list-type=2", "max-keys", (("NextContinuationToken", "continuation-token"),)),
            ("", "max-keys", (("NextMarker", "marker"),)),
            ("versions", "max-keys", (("NextKeyMarker", "key-marker"), ("NextVersionIdMarker", "version-id-marker"))),
            ("uploads", "max-uploads", (("NextKeyMarker", "key-marker"), ("NextUploadIdMarker", "upload-id-marker"))),
        ):
            if size == 1 and kind == "":
                continue
            go_on = ""
            for _ in range(200):
                query = "&".join(part for part in (kind, scope, f"{size_name}={size}", go_on) if part)
                answer = await client("GET", f"/scans?{query}")
                assert answer.status == 200
                seen.append(answer)
                found = [(name, value(answer, element)) for element, name in marks]
                if kind == "" and value(answer, "IsTruncated") == "true" and found[0][1] is None:
                    keys = answer.texts("Contents/Key")
                    found = [("marker", keys[-1])]
                if value(answer, "IsTruncated") != "true":
                    break
                go_on = "&".join(f"{name}={quote(text, safe='')}" for name, text in found if text is not None)
    return seen


async def looks(client) -> list[Answer]:
    """Each key, hidden or not, asked for in every way."""
    seen = []
    for key in [*KEYS, "ct/1-copy", "missing"]:
        path = f"/scans/{quote(key)}"
        attributes = {"x-amz-object-attributes": "ETag,ObjectSize,ObjectParts"}
        for method, target, headers in (
            ("GET", path, {}),
            ("HEAD", path, {}),
            ("GET", path, {"range": "bytes=0-1"}),
            ("GET", path, {"range": "bytes=99999999-"}),
            ("GET", path, {"if-match": '"x"'}),
            ("GET", path, {"if-none-match": "*"}),
            ("GET", f"{path}?partNumber=1", {}),
            ("GET", f"{path}?versionId=null", {}),
            ("GET", f"{path}?versionId=ver_{'0' * 26}", {}),
            ("GET", f"{path}?attributes", attributes),
            ("GET", f"{path}?tagging", {}),
            ("GET", f"{path}?acl", {}),
            ("GET", f"{path}?retention", {}),
            ("GET", f"{path}?uploadId=upl_{'0' * 26}", {}),
            ("PUT", path, {"if-none-match": "*"}),
            ("DELETE", path, {}),
            ("PUT", "/scans/new", {"x-amz-copy-source": f"scans/{quote(key)}"}),
        ):
            seen.append(await client(method, target, b"", headers))
    return seen


@pytest.mark.parametrize("seed", SEEDS)
async def test_what_a_researcher_sees_is_what_a_store_without_the_hidden_would_show(tmp_path, seed):
    dice, patients = random.Random(seed), SimulatedPatients(site=SITE)
    subjects = [patients.new("care", *(["research"] if n % 2 else [])) for n in range(5)]
    visible = {each for each in subjects if "research" in patients.decisions[each]}
    pair = Pair(tmp_path, patients)
    try:
        await pair.begin(versioning=bool(seed % 2))
        await fill(pair, dice, subjects, visible)
        answers = []
        for door in pair.doors:
            client = door.client(door.ring.add(pair.reader, purpose="research"))
            normal = Normal()
            seen = [*await listings(door, client), *await looks(client)]
            used = await door.objects.buckets.usage(reading(door, pair), door.objects.buckets.find("scans"))
            answers.append(([normal(answer) for answer in seen], used))
        for full, never in zip(answers[0][0], answers[1][0], strict=True):
            assert full == never
        assert answers[0][1] == answers[1][1]
        if not seed % 2:
            assert any(entry.outcome is Outcome.DENIED and entry.subject for entry in pair.full.audit.entries)
    finally:
        pair.close()


def reading(door: S3Door, pair: Pair):
    return operation(pair.reader.id, purpose="research", at=door.clock.now())


async def test_the_patient_finds_the_refused_read_under_his_own_key_and_the_reader_is_told_nothing(tmp_path):
    patients = SimulatedPatients(site=SITE)
    subject, pair = patients.new("care"), Pair(tmp_path, patients)
    try:
        await pair.begin(versioning=False)
        await change(pair.full, "put", "ct/1", subject, b"x")
        client = pair.full.client(pair.full.ring.add(pair.reader, purpose="research"))
        before = len(pair.full.audit.entries)
        refused = await client("GET", "/scans/ct/1")
        missing = await client("GET", "/scans/ct/2")
        assert (refused.status, refused.code) == (missing.status, missing.code) == (404, "NoSuchKey")
        one, two = pair.full.audit.entries[before:]
        assert (one.outcome, one.subject, one.details["ruling"]) == (Outcome.DENIED, subject, "denied")
        assert (two.outcome, two.subject) == (Outcome.FAILED, None)
        seen = await pair.full.client()("GET", "/scans/ct/1")
        assert seen.headers["x-amz-meta-nexus-subject"] == subject
        patients.decide(subject, "care", "research")
        assert "x-amz-meta-nexus-subject" not in (await client("GET", "/scans/ct/1")).headers
    finally:
        pair.close()
