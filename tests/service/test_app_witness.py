"""A witness's directory: founded once, told of logs, opened by those who know its format."""

import pytest

from nexus.app import witnessing
from nexus.audit.witness.keys import WitnessKeys
from nexus.kernel.errors import Conflict, Damaged, Invalid, NotFound
from nexus.kernel.secret import Secret
from simulators.signers import log_signers

PASSPHRASE = Secret(b"only the witness knows this")


@pytest.fixture
def witness(tmp_path):
    return witnessing.create(tmp_path / "w", "w1.example", PASSPHRASE)


def log_keys(origin: str) -> list[str]:
    return [str(signer.key) for signer in log_signers(origin)]


def test_a_witness_is_founded_once_and_opens_again(witness):
    assert witnessing.open_witness(witness.root) == witness
    with pytest.raises(Conflict):
        witnessing.create(witness.root, "w2.example", None)
    for path in (witness.root, *witness.root.iterdir()):
        assert path.stat().st_mode & 0o077 == 0, path


def test_its_keys_open_with_its_passphrase_only(witness):
    assert WitnessKeys.load(witness.keys_file, witness.name, PASSPHRASE).name == "w1.example"
    with pytest.raises(Invalid):
        WitnessKeys.load(witness.keys_file, witness.name, Secret(b"another passphrase"))


def test_it_learns_of_logs_and_of_their_new_keys(witness):
    one, other = log_keys("log.one"), log_keys("log.other")
    witnessing.trust(witness, one)
    witnessing.trust(witnessing.open_witness(witness.root), other)
    renewed = log_keys("log.one")
    witnessing.trust(witnessing.open_witness(witness.root), renewed)
    known = {log[0].name: [str(key) for key in log] for log in witnessing.open_witness(witness.root).logs}
    assert known == {"log.one": renewed, "log.other": other}


def test_keys_of_two_logs_are_not_one_log(witness):
    with pytest.raises(Invalid):
        witnessing.trust(witness, [*log_keys("log.one"), *log_keys("log.two")])


@pytest.mark.parametrize(
    ("text", "error"),
    [('format = 2\nname = "w"\n', Conflict), ("format = 1\n", Damaged), ("[", Damaged), (None, NotFound)],
)
def test_what_it_cannot_read_it_refuses(witness, text, error):
    file = witness.root / "witness.toml"
    if text is None:
        file.unlink()
    else:
        file.write_text(text)
    with pytest.raises(error):
        witnessing.open_witness(witness.root)
