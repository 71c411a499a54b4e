"""Story 4: a read is proved with a receipt that verifies without the platform, also with code that is not ours."""

import json

import pytest

from simulators import independent_log
from simulators.installation import Installation, until


@pytest.fixture(scope="module")
def read(platform: Installation):
    """The index of the entry of one read."""
    steward = platform.person("david", "data_steward", "site:chu-lille")
    steward.call("objects.bucket.create", name="proved", site="chu-lille")
    s3 = platform.s3(steward.access_key("quality"))
    s3.put_object(Bucket="proved", Key="a.txt", Body=b"abc")
    operation = s3.get_object(Bucket="proved", Key="a.txt")["ResponseMetadata"]["RequestId"]
    query = {"operation": operation, "action": "objects.object.read"}
    return platform.founder("alice").call("audit.entry.list", for_purpose="audit", **query)["entries"][0]["index"]


@pytest.fixture(scope="module")
def receipt(platform: Installation, read, tmp_path_factory):
    """Receipt and policy as files, as somebody outside holds them."""
    alice = platform.founder("alice")
    folder = tmp_path_factory.mktemp("receipt")
    proof = until(
        lambda: alice.call("audit.entry.prove", for_purpose="audit", index=read), what="a checkpoint over the entry"
    )
    (folder / "receipt").write_text(proof["text"])
    (folder / "policy").write_text(alice.call("audit.log.read", for_purpose="audit")["policy"])
    return folder


def verify(platform: Installation, folder, *more):
    arguments = ("audit", "verify", str(folder / "receipt"), "--policy", str(folder / "policy"), "--json")
    return platform.command(*arguments, *more, check=False)


def test_the_receipt_verifies_offline(platform, receipt, read):
    done = verify(platform, receipt)
    assert done.returncode == 0, done.stderr
    proven = json.loads(done.stdout)
    assert proven["index"] == read and proven["content"]["action"] == "objects.object.read"


def test_the_receipt_verifies_with_code_that_knows_only_the_specifications(platform, receipt, read):
    policy = [line.split() for line in (receipt / "policy").read_text().splitlines()]
    log_keys = [words[1] for words in policy if words and words[0] == "log"]
    content = independent_log.check_receipt((receipt / "receipt").read_text(), log_keys, [])
    assert content["action"] == "objects.object.read"


@pytest.mark.parametrize("line", [2, -3])
def test_a_receipt_with_one_character_changed_does_not_verify(platform, receipt, tmp_path, line):
    lines = (receipt / "receipt").read_text().splitlines(keepends=True)
    target = max(range(len(lines)), key=lambda at: len(lines[at])) if line == 2 else line
    text = lines[target]
    middle = len(text) // 2
    lines[target] = text[:middle] + ("A" if text[middle] != "A" else "B") + text[middle + 1 :]
    (tmp_path / "receipt").write_text("".join(lines))
    (tmp_path / "policy").write_text((receipt / "policy").read_text())
    assert verify(platform, tmp_path).returncode != 0


def test_the_whole_log_verifies(platform, read):
    outcome = platform.founder("alice").call("audit.log.verify", for_purpose="audit")
    assert outcome["ok"], outcome["problems"]
    assert outcome["size"] > read
