"""Steps 8 and 9: a read is proved offline; a copy of the log is tampered with in four ways, and each is found out."""

import shutil
from pathlib import Path
from typing import Any

from nexus.app.demo.scenery import error_of
from nexus.app.demo.story import Story

LENGTH_BYTES = 2
"""Before each entry of a bundle (C2SP tlog-tiles)."""


def prove_read(story: Story) -> None:
    """A receipt of David's last read, checked by somebody who has nothing but two files."""
    stage, bruno, work = story.stage, story.people["bruno"], story.scenery.work
    with stage.step("A read is proved, offline"):
        query = {"operation": story.read_operation, "action": "objects.object.read"}
        entry = bruno.call("audit.entry.list", for_purpose="audit", **query)["entries"][0]
        with stage.waiting("waiting for both witnesses"):
            log = story.until_witnessed()
        text = bruno.call("audit.entry.prove", for_purpose="audit", index=entry["index"])["text"]
        receipt, policy = work / "receipt", work / "policy"
        receipt.write_text(text)
        policy.write_text(log["policy"])
        for line in [line for line in text.splitlines() if line][:4]:
            stage.fact("receipt", line if len(line) < 76 else f"{line[:72]} …")
        stage.command(("nexus", "audit", "verify", receipt.name, "--policy", policy.name))
        proven = story.scenery.quietly("audit", "verify", str(receipt), "--policy", str(policy))
        said = proven["content"]
        stage.fact(
            "proves", f"{said['actor']['name']} did {said['action']} on {said['resource']['id']}, for {said['purpose']}"
        )
        witnesses = dict.fromkeys(name.partition("/")[0] for name in proven["cosigned"])
        stage.did(f"signed by the log (Ed25519 and ML-DSA-44), cosigned by {' and '.join(witnesses)}")


def tamper(story: Story) -> None:
    """A copy of the log is changed, shortened, cut; the platform itself is rolled back to an older copy."""
    stage, scenery = story.stage, story.scenery
    with stage.step("Somebody tampers with the log"):
        original = scenery.work / "log"
        token = story.people["bruno"].token
        stage.command(("nexus", "audit", "export", original.name))
        scenery.quietly("audit", "export", str(original), "--data", str(scenery.data), NEXUS_TOKEN=token)
        if not _verify(story, original)["ok"]:
            raise AssertionError("the untouched copy does not verify")
        stage.did("the untouched copy verifies")
        for what, change in (("a byte flipped", _flip), ("an entry deleted", _delete), ("the end cut off", _truncate)):
            copy = scenery.work / f"log-{change.__name__.strip('_')}"
            shutil.copytree(original, copy)
            change(copy)
            outcome = _verify(story, copy)
            if outcome["ok"]:
                raise AssertionError(f"{what}: not detected")
            stage.detected(f"{what}: {outcome['problems'][0]['message']}")
        _roll_back(story)


def _verify(story: Story, copy: Path) -> dict[str, Any]:
    import json

    done = story.scenery.run("audit", "verify", str(copy), "--policy", str(story.scenery.work / "policy"))
    outcome: dict[str, Any] = json.loads(done.stdout)
    return outcome


def _bundle(copy: Path) -> Path:
    """The last entry bundle; a partial one is named after the number of its entries."""
    return max(path for path in (copy / "tile" / "entries").rglob("*") if path.is_file())


def _entries(bundle: Path) -> list[bytes]:
    """The entries of a bundle, each with its length before it."""
    content, entries = bundle.read_bytes(), []
    while content:
        end = LENGTH_BYTES + int.from_bytes(content[:LENGTH_BYTES], "big")
        entries.append(content[:end])
        content = content[end:]
    return entries


def _flip(copy: Path) -> None:
    content = bytearray(_bundle(copy).read_bytes())
    content[len(content) // 2] ^= 1
    _bundle(copy).write_bytes(content)


def _delete(copy: Path) -> None:
    entries = _entries(_bundle(copy))
    del entries[len(entries) // 2]
    _bundle(copy).write_bytes(b"".join(entries))


def _truncate(copy: Path) -> None:
    """Drop the last entry and claim that it never was: anybody can write a checkpoint, nobody else can sign it."""
    bundle, entries = _bundle(copy), _entries(_bundle(copy))[:-1]
    bundle.unlink()
    bundle.with_name(str(len(entries))).write_bytes(b"".join(entries))
    checkpoint = copy / "checkpoint"
    origin, size, rest = checkpoint.read_text().split("\n", 2)
    checkpoint.write_text(f"{origin}\n{int(size) - 1}\n{rest}")


def _roll_back(story: Story) -> None:
    """The platform's directory is replaced by an older copy of itself, whole and consistent. Only memory finds it out."""
    stage, scenery = story.stage, story.scenery
    older, rolled_back = scenery.work / "older", scenery.work / "rolled-back"
    scenery.quietly("backup", "create", str(older), "--data", str(scenery.data))
    story.people["bruno"].call("iam.me.read")
    with stage.waiting("waiting for both witnesses"):
        story.until_witnessed()
    with stage.waiting("stopping the platform, starting an older copy of it"):
        scenery.quietly("down", "--data", str(scenery.data))
        scenery.quietly("backup", "restore", str(older), "--data", str(rolled_back))
        done = scenery.run(
            *("up", "--detach", "--data", str(rolled_back), "--passphrase-file", str(scenery.passphrase)),
            NEXUS_ANCHORS=str(scenery.anchors.resolve()),
        )
    if done.returncode == 0:
        raise AssertionError("the older copy was not refused")
    stage.detected(f"the directory rolled back: {error_of(done).message}")
    with stage.waiting("starting the true one again"):
        scenery.quietly("up", "--detach", "--data", str(scenery.data), "--passphrase-file", str(scenery.passphrase))
    stage.did("the older copy does not start; the true one runs again")
