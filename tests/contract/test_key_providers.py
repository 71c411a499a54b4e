"""One suite over every provider of keys: the sealed keystore, and SoftHSM over PKCS#11.

Fulfils R-157 (keys managed by an HSM, wrap and unwrap through PKCS#11, a software token reports "emulated") and the
provider half of EMC-39 (three classes of keys, import of external keys).
"""

import os
import shutil
import threading
from uuid import uuid4

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from nexus.crypto.wrapping import kwp_unwrap, kwp_wrap
from nexus.kernel.errors import Damaged, Denied, Invalid, NotFound, Sealed
from nexus.kernel.secret import Secret
from nexus.kms.anchors import AnchorRegister
from nexus.kms.model import Algorithm, Custody
from nexus.kms.ports import KeySpec
from nexus.kms.providers.keystore import Keystore
from simulators.p256 import P256PublicKey
from simulators.tokens import LABEL, MODULE, needs_softhsm, softhsm_token, token_directory

AES = KeySpec("key_a/1", Algorithm.AES_256_GCM)
CANARY = b"CANARY-DATA-KEY-0123456789abcdef"


class Bench:
    """A provider that can be closed and opened anew, as a restart of the service does."""

    def __init__(self, kind, tmp_path):
        self.kind = kind
        self.anchors = tmp_path / "outside" / "anchors"
        self.secret = Secret(os.urandom(32)) if kind == "keystore" else softhsm_token()
        self.register = AnchorRegister([self.anchors], "nx_test")
        self.register.open(create=True)
        self.provider = self._new()
        self.provider.open(self.secret)

    def _new(self):
        if self.kind == "keystore":
            return Keystore(self.register)
        from nexus.kms.providers.pkcs11 import Pkcs11Token

        return Pkcs11Token(MODULE, LABEL, self.register)

    def restart(self, between=lambda: None):
        self.close()
        between()
        self.register.open(create=False)
        self.provider = self._new()
        self.provider.open(self.secret)

    def close(self):
        self.provider.close()
        self.register.close()

    def key(self, spec=AES):
        return self.provider.use(spec, self.provider.generate(spec).handle)


@pytest.fixture(params=["keystore", pytest.param("pkcs11", marks=[needs_softhsm, pytest.mark.softhsm])])
def bench(request, tmp_path):
    bench = Bench(request.param, tmp_path)
    yield bench
    bench.close()


def spec(algorithm, name="key_a/1", **more):
    return KeySpec(name, algorithm, **more)


def test_what_it_sealed_it_opens_after_a_restart(bench):
    held = bench.provider.generate(AES)
    sealed = bench.provider.use(AES, held.handle).seal(CANARY, b"context")
    assert CANARY not in sealed and len(sealed) == len(CANARY) + 28
    bench.restart()
    assert bench.provider.use(AES, held.handle).unseal(sealed, b"context") == CANARY


def test_another_context_is_damage_and_never_bytes(bench):
    key = bench.key()
    sealed = key.seal(CANARY, b"bucket a")
    for broken, context in (
        (sealed, b"bucket b"),
        (sealed[:-1], b"bucket a"),
        (sealed[:-1] + bytes([sealed[-1] ^ 1]), b"bucket a"),
        (bytes([sealed[0] ^ 1]) + sealed[1:], b"bucket a"),
        (b"", b"bucket a"),
        (sealed[:20], b"bucket a"),
    ):
        with pytest.raises(Damaged):
            key.unseal(broken, context)
    assert key.unseal(sealed, b"bucket a") == CANARY


def test_one_key_does_not_open_what_another_sealed(bench):
    one, other = bench.key(), bench.key(KeySpec("key_b/1", Algorithm.AES_256_GCM))
    with pytest.raises(Damaged):
        other.unseal(one.seal(CANARY, b""), b"")


def test_the_same_plaintext_is_never_sealed_alike(bench):
    key = bench.key()
    assert len({key.seal(CANARY, b"") for _ in range(200)}) == 200


def test_a_handle_does_not_pass_for_another_key(bench):
    held = bench.provider.generate(AES)
    bench.restart()
    with pytest.raises(Damaged):
        bench.provider.use(KeySpec("key_b/1", Algorithm.AES_256_GCM), held.handle)
    for nonsense in (b"", b"\x01", b"\x07" + held.handle[1:], held.handle[:9]):
        with pytest.raises(Damaged):
            bench.provider.use(AES, nonsense)


def test_macs_are_hmac_sha_256_and_stable(bench):
    mac = spec(Algorithm.HMAC_SHA_256)
    held = bench.provider.generate(mac)
    first = bench.provider.use(mac, held.handle).mac(b"a person")
    bench.restart()
    again = bench.provider.use(mac, held.handle)
    assert again.mac(b"a person") == first and len(first) == 32
    assert again.mac(b"another") != first


@pytest.mark.parametrize(
    ("algorithm", "public", "length"),
    [
        (Algorithm.ED25519, Ed25519PublicKey, 64),
        (Algorithm.ML_DSA_44, MLDSA44PublicKey, 2420),
        (Algorithm.ECDSA_P256, P256PublicKey, 64),
    ],
)
def test_signatures_verify_with_independent_code(bench, algorithm, public, length):
    signing = spec(algorithm)
    held = bench.provider.generate(signing)
    before = bench.provider.use(signing, held.handle).public_bytes()
    bench.restart()
    key = bench.provider.use(signing, held.handle)
    signature = key.sign(b"checkpoint")
    assert len(signature) == length and key.public_bytes() == before
    public.from_public_bytes(key.public_bytes()).verify(signature, b"checkpoint")
    with pytest.raises(InvalidSignature):
        public.from_public_bytes(key.public_bytes()).verify(signature, b"checkpoinT")


def test_signatures_on_p_256_keep_their_length_whatever_their_numbers_are(bench):
    """One half in 256 has a leading zero byte: it must not shorten the signature."""
    key = bench.key(spec(Algorithm.ECDSA_P256))
    public = P256PublicKey(key.public_bytes())
    for number in range(10_000):  # of 600, none has one once in a hundred times
        signature = key.sign(str(number).encode())
        assert len(signature) == 64
        public.verify(signature, str(number).encode())
        if 0 in (signature[0], signature[32]):
            break
    else:
        pytest.fail("no half of 20,000 has a leading zero byte: they are no numbers of chance")


def test_each_key_says_where_it_lives(bench):
    expected = {
        "keystore": {Algorithm.AES_256_GCM: Custody.IN_KEYSTORE, Algorithm.ML_DSA_44: Custody.IN_KEYSTORE},
        "pkcs11": {
            Algorithm.AES_256_GCM: Custody.IN_TOKEN,
            Algorithm.HMAC_SHA_256: Custody.IN_TOKEN,
            Algorithm.ED25519: Custody.IN_TOKEN,
            Algorithm.ECDSA_P256: Custody.IN_TOKEN,
            Algorithm.ML_DSA_44: Custody.WRAPPED_BY_TOKEN,
        },
    }[bench.kind]
    assert {algorithm: bench.provider.generate(spec(algorithm)).custody for algorithm in expected} == expected


def test_software_is_reported_as_emulated(bench):
    facts = bench.provider.facts
    assert facts.emulated and facts.name == bench.kind and facts.destruction


def test_a_key_does_nothing_that_is_not_of_its_kind(bench):
    aes, mac = bench.key(), bench.key(spec(Algorithm.HMAC_SHA_256))
    for misuse in (
        lambda: aes.mac(b""),
        lambda: aes.sign(b""),
        aes.public_bytes,
        lambda: mac.seal(b"", b""),
        lambda: mac.unseal(b"", b""),
        lambda: bench.provider.admit(AES, aes, b""),
    ):
        with pytest.raises(Invalid):
            misuse()


# Destruction


def test_a_destroyed_key_is_gone_and_its_neighbours_are_not(bench):
    kept, lost = bench.provider.generate(AES), bench.provider.generate(spec(Algorithm.AES_256_GCM, "key_b/1"))
    sealed = bench.provider.use(AES, kept.handle).seal(CANARY, b"")
    bench.provider.use(spec(Algorithm.AES_256_GCM, "key_b/1"), lost.handle)
    bench.provider.destroy(lost.handle)
    bench.provider.destroy(lost.handle)
    for _ in range(2):
        with pytest.raises(NotFound):
            bench.provider.use(spec(Algorithm.AES_256_GCM, "key_b/1"), lost.handle)
        assert bench.provider.use(AES, kept.handle).unseal(sealed, b"") == CANARY
        bench.restart()


@pytest.mark.parametrize(
    "algorithm", [Algorithm.AES_256_GCM, Algorithm.HMAC_SHA_256, Algorithm.ML_DSA_44, Algorithm.ECDSA_P256]
)
def test_a_restored_copy_of_the_provider_brings_no_destroyed_key_back(bench, algorithm, tmp_path):
    """Everything but the anchor register comes back as it was: the handle, the secret, the token's own files."""
    held = bench.provider.generate(spec(algorithm))
    bench.provider.use(spec(algorithm), held.handle)
    if bench.kind == "pkcs11":
        shutil.copytree(token_directory(), tmp_path / "backup")
    bench.provider.destroy(held.handle)

    def restore():
        if bench.kind == "pkcs11":
            shutil.copytree(tmp_path / "backup", token_directory(), dirs_exist_ok=True)

    bench.restart(restore)
    with pytest.raises(NotFound):
        bench.provider.use(spec(algorithm), held.handle)


@needs_softhsm
def test_a_token_object_that_came_back_is_destroyed_again(tmp_path):
    bench = Bench("pkcs11", tmp_path)
    held = bench.provider.generate(AES)
    shutil.copytree(token_directory(), tmp_path / "backup")
    bench.provider.destroy(held.handle)
    without = {path.name for path in token_directory().rglob("*.object")}

    def restore():
        shutil.copytree(tmp_path / "backup", token_directory(), dirs_exist_ok=True)
        assert {path.name for path in token_directory().rglob("*.object")} > without

    bench.restart(restore)
    assert {path.name for path in token_directory().rglob("*.object")} == without
    bench.close()


@needs_softhsm
@pytest.mark.parametrize("algorithm", [Algorithm.AES_256_GCM, Algorithm.ED25519, Algorithm.ECDSA_P256])
def test_an_object_that_a_kill_left_half_written_keeps_no_token_from_opening(tmp_path, algorithm):
    """The token writes its objects in place, so a process killed meanwhile leaves any first part of one."""
    bench = Bench("pkcs11", tmp_path)
    held = bench.provider.generate(spec(algorithm))
    before = set(token_directory().rglob("*.object"))
    bench.provider.generate(spec(algorithm, "key_b/1"))
    written = sorted(set(token_directory().rglob("*.object")) - before)
    torn = []

    def tear():
        for path in written:
            whole = path.read_bytes()
            path.unlink()
            for length in range(0, len(whole), 7):
                torn.append(path.with_name(f"{uuid4()}.object"))
                torn[-1].write_bytes(whole[:length])

    try:
        bench.restart(tear)
        assert len(torn) > 50 and bench.provider.use(spec(algorithm), held.handle)
    finally:
        bench.close()
        for path in torn:
            path.unlink(missing_ok=True)


# Transport


def wrapped_for(public_der, oaep_hash, material):
    chosen = {"SHA-1": hashes.SHA1, "SHA-256": hashes.SHA256}[oaep_hash]()
    wrapping_key = os.urandom(32)
    public = serialization.load_der_public_key(public_der)
    return public.encrypt(wrapping_key, padding.OAEP(padding.MGF1(chosen), chosen, None)) + kwp_wrap(
        wrapping_key, material
    )


def test_a_key_made_elsewhere_comes_in(bench):
    transport = bench.key(spec(Algorithm.RSA_3072, "import/1"))
    material = os.urandom(32)
    wrapped = wrapped_for(transport.public_bytes(), bench.provider.facts.oaep_hash, material)
    held = bench.provider.admit(AES, transport, wrapped)
    sealed = bench.provider.use(AES, held.handle).seal(CANARY, b"ctx")
    assert AESGCM(material).decrypt(sealed[:12], sealed[12:], b"ctx") == CANARY
    bench.restart()
    assert bench.provider.use(AES, held.handle).unseal(sealed, b"ctx") == CANARY


def test_a_damaged_or_foreign_import_is_refused(bench):
    transport = bench.key(spec(Algorithm.RSA_3072, "import/1"))
    oaep = bench.provider.facts.oaep_hash
    good = wrapped_for(transport.public_bytes(), oaep, os.urandom(32))
    foreign = bench.key(spec(Algorithm.RSA_3072, "import/2")).public_bytes()
    for wrong in (
        b"",
        good[:-1],
        good[:-1] + bytes([good[-1] ^ 1]),
        bytes([good[0] ^ 1]) + good[1:],
        wrapped_for(foreign, oaep, os.urandom(32)),
        wrapped_for(transport.public_bytes(), oaep, os.urandom(16)),
        wrapped_for(transport.public_bytes(), oaep, os.urandom(27)),
    ):
        with pytest.raises((Damaged, Invalid)):
            bench.provider.admit(AES, transport, wrong)


def test_only_an_exportable_key_leaves_and_only_wrapped_for_its_recipient(bench):
    recipient = generate_private_key(65_537, 3_072)
    public = recipient.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    exportable = spec(Algorithm.AES_256_GCM, exportable=True)
    held = bench.provider.generate(exportable)
    sealed = bench.provider.use(exportable, held.handle).seal(CANARY, b"")
    wrapped = bench.provider.release(exportable, held.handle, public)
    chosen = {"SHA-1": hashes.SHA1, "SHA-256": hashes.SHA256}[bench.provider.facts.oaep_hash]()
    wrapping_key = recipient.decrypt(wrapped[:384], padding.OAEP(padding.MGF1(chosen), chosen, None))
    material = kwp_unwrap(wrapping_key, wrapped[384:])
    assert AESGCM(material).decrypt(sealed[:12], sealed[12:], b"") == CANARY

    kept = bench.provider.generate(AES)
    with pytest.raises(Denied):
        bench.provider.release(AES, kept.handle, public)
    with pytest.raises((Denied, Damaged)):  # whoever edits the inventory does not make it exportable
        bench.provider.release(exportable, kept.handle, public)
    with pytest.raises(Invalid):
        bench.provider.release(exportable, held.handle, b"no key")


# The seal


def test_closed_means_closed(bench):
    held = bench.provider.generate(AES)
    bench.provider.use(AES, held.handle)
    bench.provider.close()
    for call in (
        lambda: bench.provider.use(AES, held.handle),
        lambda: bench.provider.generate(AES),
    ):
        with pytest.raises(Sealed):
            call()
    bench.provider.close()


def test_a_wrong_secret_opens_nothing(bench):
    bench.provider.close()
    with pytest.raises(Denied):
        bench.provider.open(Secret(b"0000"))


@needs_softhsm
def test_a_token_is_used_from_one_thread_only(tmp_path):
    bench = Bench("pkcs11", tmp_path)
    outcome = []

    def elsewhere():
        try:
            bench.provider.generate(AES)
        except RuntimeError as error:
            outcome.append(str(error))

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    bench.close()
    assert outcome and "thread" in outcome[0]


@needs_softhsm
def test_a_token_lets_no_key_bytes_be_read(tmp_path):
    import pkcs11

    bench = Bench("pkcs11", tmp_path)
    bench.provider.generate(AES)
    for item in bench.provider._session.get_objects({pkcs11.Attribute.CLASS: pkcs11.ObjectClass.SECRET_KEY}):
        with pytest.raises(pkcs11.exceptions.AttributeSensitive):
            item[pkcs11.Attribute.VALUE]
    bench.close()
