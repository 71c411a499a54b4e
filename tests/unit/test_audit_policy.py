"""Trust policies: C2SP's tlog-policy files, read strictly; and who must have signed."""

import pytest

from nexus.audit.model import LogPolicy, WitnessSpec
from nexus.audit.policy import LogIdentity, TrustPolicy, policy_text
from nexus.crypto.notes import Checkpoint, SignatureType
from nexus.kernel.errors import Damaged, Invalid
from simulators.signers import ORIGIN, LocalSigner, log_signers, signed

TEXT = str(Checkpoint(ORIGIN, 5, bytes(32)))
LOG = log_signers()
WITNESSES = [LocalSigner(f"w{i}", SignatureType.ED25519_COSIGNATURE) for i in range(6)]
LOG_LINES = "".join(f"log {signer.key}\n" for signer in LOG)
WITNESS_LINES = "".join(f"witness w{i} {signer.key} https://w{i}\n" for i, signer in enumerate(WITNESSES))


def policy(rules: str) -> TrustPolicy:
    return TrustPolicy.parse(LOG_LINES + WITNESS_LINES + rules)


def witnessed(rules: str, *cosigners: int) -> bool:
    note = signed(TEXT, [*LOG, *(WITNESSES[i] for i in cosigners)])
    return policy(rules).verify(note).witnessed


def test_a_quorum_of_groups_is_counted_as_the_specification_says():
    rules = """
    # Two of these, and one of those.
    group X 2 w0 w1 w2
    group Y any w3 w4
    group both all X Y
    quorum both
    """
    assert witnessed(rules, 0, 2, 4)
    assert witnessed(rules, 0, 1, 2, 3, 4)
    assert not witnessed(rules, 0, 1, 2)
    assert not witnessed(rules, 0, 3, 4)
    assert not witnessed(rules)


def test_one_witness_or_none_may_be_the_quorum():
    assert witnessed("quorum w3\n", 3)
    assert not witnessed("quorum w3\n", 2)
    assert witnessed("quorum none\n")


def test_every_listed_key_of_a_log_must_have_signed():
    """Stricter than the specification: Ed25519 and ML-DSA-44, both."""
    for signer in LOG:
        with pytest.raises(Damaged) as caught:
            policy("quorum none\n").verify(signed(TEXT, [signer]))
        assert caught.value.code == "policy.log-signature"


def test_a_log_that_is_not_listed_is_not_trusted():
    other = LocalSigner("other.example")
    with pytest.raises(Damaged) as caught:
        policy("quorum none\n").verify(signed(TEXT.replace(ORIGIN, "other.example"), [other]))
    assert caught.value.code == "policy.unknown-log"


@pytest.mark.parametrize(
    "rules",
    [
        "",
        "quorum w0\nquorum w0\n",
        "quorum nobody\n",
        "quorum\n",
        "quorum X\ngroup X any w0\n",
        "group X 0 w0\nquorum X\n",
        "group X 2 w0\nquorum X\n",
        "group X -1 w0\nquorum X\n",
        "group X 1\nquorum X\n",
        "group X any w0 w0\nquorum X\n",
        "group X any w0\ngroup Y any w0\nquorum X\n",
        "group X any X\nquorum X\n",
        "group w0 any w1\nquorum w0\n",
        "group none any w1\nquorum none\n",
        "group X ² w0 w1\nquorum X\n",
        "wibble\nquorum none\n",
        "log\nquorum none\n",
        "log nonsense\nquorum none\n",
        f"log {LOG[0].key}\nquorum none\n",
        f"log {WITNESSES[0].key}\nquorum none\n",
        f"witness w9 {LocalSigner().key}\nquorum none\n",
        f"witness w0 {LocalSigner('w9', SignatureType.MLDSA44).key}\nquorum none\n",
        "# " + "x" * 300_000 + "\nquorum none\n",
    ],
    ids=lambda rules: "rules",  # the texts hold fresh keys; parallel workers must agree on names
)
def test_what_is_no_policy_is_refused(rules):
    with pytest.raises(Invalid):
        policy(rules)


def test_a_fault_names_its_line():
    with pytest.raises(Invalid, match="line 2 "):
        TrustPolicy.parse("# fine\nwibble\n")


def test_the_policy_of_a_log_asks_each_witness_for_all_its_keys():
    pairs = [
        (LocalSigner(f"v{i}", SignatureType.ED25519_COSIGNATURE), LocalSigner(f"v{i}", SignatureType.MLDSA44))
        for i in range(3)
    ]
    specs = tuple(
        WitnessSpec(name=f"v{i}", url=f"https://v{i}", keys=tuple(str(signer.key) for signer in pair))
        for i, pair in enumerate(pairs)
    )
    identity = LogIdentity(ORIGIN, tuple(signer.key for signer in LOG))
    trust = TrustPolicy.parse(policy_text(identity, LogPolicy(witnesses=specs, quorum=2)))
    complete = [*LOG, *pairs[0], *pairs[2]]
    assert trust.verify(signed(TEXT, complete)).witnessed
    assert not trust.verify(signed(TEXT, complete[:-1])).witnessed
    assert not trust.verify(signed(TEXT, [*LOG, pairs[0][0], pairs[1][0], pairs[2][0]])).witnessed


def test_a_log_without_keys_or_under_two_names_is_refused():
    for keys in ((), (LocalSigner("a").key,)):
        with pytest.raises(Invalid):
            LogIdentity(ORIGIN, keys)
