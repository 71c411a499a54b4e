"""Who unseals a platform: custodians with their shares; and nobody with a wrong one. EMC-39."""

import pytest

from simulators.installation import Installation, until


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A sealed platform that two of three custodians open together."""
    installation = Installation(tmp_path_factory.mktemp("mn"))
    try:
        yield installation.found("--shares", "2/3").up(unsealed=False)
        installation.down()
    finally:
        installation.destroy()


def unseal(installation: Installation, secret: str):
    file = installation.root / "share"
    file.write_text(secret)
    return installation.nexus("unseal", "--secret-file", str(file), "--json", check=False)


def test_a_platform_of_custodians_starts_sealed_and_nobody_listens(shared):
    assert len(shared.shares) == 3
    status = shared.status()
    assert status["phase"] == "sealed" and [p["name"] for p in status["processes"]] == ["kms"]
    assert not (shared.data / "run" / "endpoints.json").exists()


def test_what_is_no_share_opens_nothing(shared):
    assert unseal(shared, "not a share at all").returncode != 0
    assert shared.status()["phase"] == "sealed"


def test_one_custodian_is_not_enough_even_twice(shared):
    assert unseal(shared, shared.shares[2]).returncode == 0
    unseal(shared, shared.shares[2])
    status = shared.status()
    assert status["phase"] == "sealed" and status["key_service"]["progress"]["received"] == 1


def test_two_custodians_open_it_and_each_share_is_in_the_log(shared):
    assert unseal(shared, shared.shares[0]).returncode == 0
    until(lambda: shared.status()["phase"] == "running", what="the platform")
    alice = shared.founder("alice")

    def brought_to_the_machine():
        found = alice.call("audit.entry.list", for_purpose="audit", action="kms.service.*", limit=50)["entries"]
        contents = [entry["content"] for entry in found if entry["content"]["details"].get("step") == "share"]
        return [content for content in contents if content["actor"]["id"].startswith("local:")]

    # The founding unsealed the platform too, by itself; these two were brought by a user of the machine.
    assert len(until(brought_to_the_machine, what="the entries of the key service")) == 2
