"""`nexus init` founds a platform or leaves nothing behind, and says which of its terms cannot be met."""

import json

import pytest

from simulators.installation import FOUNDERS, PASSPHRASE, Installation


@pytest.fixture
def place(tmp_path) -> Installation:
    installation = Installation(tmp_path / "p")
    installation.root.mkdir()
    (installation.root / "founders.toml").write_text(FOUNDERS)
    installation.passphrase.write_text(PASSPHRASE)
    return installation


def init(place: Installation, *options: str, founders: str | None = None):
    if founders is not None:
        (place.root / "founders.toml").write_text(founders)
    given = ("--founders", str(place.root / "founders.toml"))
    unsealing = () if "--shares" in options else ("--passphrase-file", str(place.passphrase))
    return place.nexus("init", *given, *unsealing, *options, check=False)


def test_a_founding_shows_what_is_shown_once_and_nothing_of_it_stays(place):
    done = init(place, "--json", "--log-origin", "log.hospital.example/nexus")
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    assert made["origin"] == "log.hospital.example/nexus" and len(made["founders"]) == 2
    for path, content in place.everything_on_disk().items():
        for founder in made["founders"]:
            assert founder["code"].encode() not in content, path


def test_settings_given_at_the_founding_are_kept(place):
    assert init(place, "--set", "s3_port=12345", "--set", "names=a.example,b.example").returncode == 0
    text = (place.data / "nexus.toml").read_text()
    assert "s3_port = 12345" in text and 'names = ["a.example", "b.example"]' in text


@pytest.mark.parametrize(
    ("options", "founders", "said"),
    [
        (("--shares", "2"), None, "M/N"),
        (("--shares", "5/3"), None, ""),
        (("--set", "s3_port"), None, "NAME=VALUE"),
        (("--set", "s3_prot=1"), None, "did you mean s3_port"),
        (("--set", "demo_destruction_seconds=1"), None, "--demonstration"),
        ((), FOUNDERS.split("[[founder]]")[0] + "[[founder]]" + FOUNDERS.split("[[founder]]")[1], "2 founders"),
        ((), FOUNDERS.replace("key_custodian", "researcher"), "privileged roles only"),
        ((), FOUNDERS.replace("key_custodian", "king"), "key_custodian"),
        ((), "[[founder", "no file of founders"),
    ],
)
def test_terms_that_cannot_be_met_are_named_and_nothing_is_left_behind(place, options, founders, said):
    done = init(place, *options, founders=founders)
    assert done.returncode == 2, (done.returncode, done.stderr)
    assert said in done.stderr
    assert sorted(path.name for path in place.root.iterdir() if path.name != "state") == ["founders.toml", "passphrase"]


def test_a_passphrase_that_could_be_guessed_is_refused(place):
    place.passphrase.write_text("too short\n")
    done = init(place)
    assert done.returncode == 2 and "characters or more" in done.stderr


def test_nothing_is_founded_over_what_is_there(place):
    assert init(place).returncode == 0
    before = place.everything_on_disk()
    done = init(place)
    assert done.returncode == 5 and "not empty" in done.stderr
    assert place.everything_on_disk() == before
