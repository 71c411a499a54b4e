"""A witness never cosigns two histories, never goes back, and remembers before it answers."""

import asyncio
import socket
from base64 import b64encode
from hashlib import sha256

import httpx
import pytest
from granian.constants import Interfaces
from granian.server.embed import Server

from nexus.audit.witness.http import witness_app
from nexus.audit.witness.keys import WitnessKeys
from nexus.audit.witness.service import MAX_REQUEST_BYTES, WitnessService
from nexus.audit.witness.store import WitnessStore
from nexus.crypto.merkle import EMPTY_ROOT
from nexus.crypto.notes import Checkpoint, Note, NoteSignature, verify_note
from nexus.kernel.errors import Conflict, Invalid
from nexus.kernel.secret import Secret
from simulators import independent_log as rfc
from simulators.clock import EPOCH, ManualClock
from simulators.signers import ORIGIN, LocalSigner, log_signers, signed

ENTRIES = [b"entry %d" % i for i in range(40)]
FORK = [*ENTRIES[:5], b"another history", *ENTRIES[6:]]


class Bench:
    """One witness, one log that it knows, and a client without any manners."""

    def __init__(self, path) -> None:
        self.signers = log_signers()
        self.keys = WitnessKeys.generate("w1.example")
        self.path = path
        self.open()

    def open(self) -> None:
        self.store = WitnessStore(self.path)
        logs = {ORIGIN: [signer.key for signer in self.signers]}
        self.app = witness_app(WitnessService(self.keys, logs, self.store, clock=ManualClock()))
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="https://w1.example")

    def reopen(self) -> None:
        self.store.close()
        self.open()

    def note(self, size: int, entries: list[bytes] = ENTRIES, origin: str = ORIGIN) -> Note:
        return signed(str(Checkpoint(origin, size, rfc.merkle_tree_hash(entries[:size]))), self.signers)

    async def add(self, old: int, note: Note, proof: list[bytes] | None = None, entries: list[bytes] = ENTRIES):
        size = Checkpoint.parse(note.text).size
        if proof is None:
            proof = rfc.consistency_path(old, entries[:size]) if 0 < old < size else []
        lines = [f"old {old}", *(b64encode(value).decode() for value in proof)]
        return await self.http.post("/add-checkpoint", content="\n".join(lines) + f"\n\n{note}")

    async def latest(self) -> httpx.Response:
        return await self.http.get(f"/{sha256(ORIGIN.encode()).hexdigest()}/checkpoint")


@pytest.fixture
def bench(tmp_path):
    bench = Bench(tmp_path / "witness.db")
    yield bench
    bench.store.close()


async def test_it_cosigns_what_grows_with_both_keys(bench):
    for old, new in [(0, 1), (1, 2), (2, 7), (7, 8), (8, 40)]:
        note = bench.note(new)
        answer = await bench.add(old, note)
        assert answer.status_code == 200
        for key in bench.keys.public:
            assert rfc.signature_time(str(key), str(note) + answer.text) == EPOCH // 1_000_000


async def test_it_shows_what_it_cosigned_with_the_logs_own_signatures(bench):
    assert (await bench.latest()).status_code == 404
    await bench.add(0, bench.note(5))
    shown = Note.parse((await bench.latest()).text)
    keys = [*bench.keys.public, *(signer.key for signer in bench.signers)]
    assert len(verify_note(shown, keys)) == 4
    assert Checkpoint.parse(shown.text).size == 5


async def test_it_says_which_size_it_knows(bench):
    await bench.add(0, bench.note(5))
    for old in (0, 4, 6):
        answer = await bench.add(old, bench.note(7))
        assert (answer.status_code, answer.text) == (409, "5\n")
        assert answer.headers["content-type"] == "text/x.tlog.size"


async def test_it_refuses_a_fork(bench):
    await bench.add(0, bench.note(8))
    assert (await bench.add(8, bench.note(20, FORK), entries=FORK)).status_code == 422
    assert (await bench.add(8, bench.note(20, FORK), proof=rfc.consistency_path(8, ENTRIES[:20]))).status_code == 422
    assert (await bench.add(8, bench.note(8, FORK))).status_code == 422
    assert Checkpoint.parse(Note.parse((await bench.latest()).text).text).root == rfc.merkle_tree_hash(ENTRIES[:8])


async def test_it_refuses_a_rollback(bench):
    await bench.add(0, bench.note(20))
    assert (await bench.add(20, bench.note(8))).status_code == 400
    assert (await bench.add(8, bench.note(8))).status_code == 409
    assert (await bench.add(0, bench.note(8))).status_code == 409


async def test_the_same_checkpoint_may_be_cosigned_again(bench):
    await bench.add(0, bench.note(8))
    assert (await bench.add(8, bench.note(8))).status_code == 200
    assert (await bench.add(8, bench.note(8), proof=[bytes(32)])).status_code == 422


async def test_size_0_is_a_case_of_its_own(bench):
    assert (await bench.add(0, bench.note(0), proof=[bytes(32)])).status_code == 422
    wrong = signed(str(Checkpoint(ORIGIN, 0, bytes(32))), bench.signers)
    assert (await bench.add(0, wrong)).status_code == 422
    assert (await bench.add(0, bench.note(0))).status_code == 200
    assert (await bench.add(0, bench.note(0))).status_code == 200
    assert Checkpoint.parse(Note.parse((await bench.latest()).text).text).root == EMPTY_ROOT
    assert (await bench.add(0, bench.note(3), proof=[bytes(32)])).status_code == 422
    assert (await bench.add(0, bench.note(3))).status_code == 200


async def test_it_remembers_after_a_restart(bench):
    await bench.add(0, bench.note(8))
    bench.reopen()
    assert (await bench.add(0, bench.note(9))).text == "8\n"
    assert (await bench.add(8, bench.note(20, FORK), entries=FORK)).status_code == 422
    assert (await bench.add(8, bench.note(20))).status_code == 200


class AnswersBeforeItRemembers(WitnessStore):
    """Looks at the disk at the moment at which the witness is about to answer."""

    seen: Checkpoint | None = None

    async def advance(self, origin, old, new):
        done = await super().advance(origin, old, new)
        other = WitnessStore(self.file)
        remembered = other.by_origin(origin)
        other.close()
        self.seen = remembered and remembered.size
        return done


async def test_what_it_cosigns_is_on_disk_before_the_answer(tmp_path, bench):
    bench.store.close()
    AnswersBeforeItRemembers.file = bench.path
    store = bench.store = AnswersBeforeItRemembers(bench.path)
    service = WitnessService(bench.keys, {ORIGIN: [s.key for s in bench.signers]}, store)
    bench.http = httpx.AsyncClient(transport=httpx.ASGITransport(witness_app(service)), base_url="https://w1.example")
    assert (await bench.add(0, bench.note(8))).status_code == 200
    assert store.seen == 8


async def test_of_two_histories_at_the_same_time_one_is_cosigned(bench):
    """The race of the specification: both are checked against size 5, one is remembered."""
    await bench.add(0, bench.note(5))
    notes = [(bench.note(20), ENTRIES), (bench.note(10), ENTRIES), (bench.note(20, FORK), FORK)] * 4
    answers = await asyncio.gather(*(bench.add(5, note, entries=entries) for note, entries in notes))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 11
    assert {answer.text for answer in answers if answer.status_code == 409} <= {"10\n", "20\n"}


class RemembersLate(WitnessStore):
    """Answers once from before the last change: what a request sees that lost the race."""

    stale = None

    def by_origin(self, origin):
        stale, self.stale = self.stale, None
        return stale or super().by_origin(origin)


async def test_whoever_loses_the_race_is_told_the_size_that_won(bench):
    bench.store.close()
    store = bench.store = RemembersLate(bench.path)
    service = WitnessService(bench.keys, {ORIGIN: [s.key for s in bench.signers]}, store)
    bench.http = httpx.AsyncClient(transport=httpx.ASGITransport(witness_app(service)), base_url="https://w1.example")
    await bench.add(0, bench.note(5))
    before = store.by_origin(ORIGIN)
    await bench.add(5, bench.note(20))
    store.stale = before
    answer = await bench.add(5, bench.note(10))
    assert (answer.status_code, answer.text) == (409, "20\n")


async def test_it_does_not_know_other_logs(bench):
    assert (await bench.add(0, bench.note(3, origin="other.example"))).status_code == 404


async def test_every_key_of_the_log_must_have_signed(bench):
    note = bench.note(3)
    for at in (0, 1):
        assert (await bench.add(0, Note(note.text, (note.signatures[at],)))).status_code == 403
    strange = signed(note.text, [LocalSigner()])
    assert (await bench.add(0, strange)).status_code == 403
    forged = NoteSignature(note.signatures[0].name, note.signatures[0].key_id, bytes(64))
    assert (await bench.add(0, Note(note.text, (*note.signatures, forged)))).status_code == 403
    assert (await bench.latest()).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"old 0",
        b"old 0\n\n",
        b"old 00\n\nNOTE",
        b"old -1\n\nNOTE",
        b"old 1x\n\nNOTE",
        b"new 0\n\nNOTE",
        b"old 0\nAAAA\n\nNOTE",
        b"old 0\n" + b"\n".join([b64encode(bytes(32))] * 64) + b"\n\nNOTE",
        b"old \xff\n\nNOTE",
        b"old 0\n\n\xff\n",
        b"x" * (MAX_REQUEST_BYTES + 1),
    ],
)
async def test_what_is_no_request_is_refused_precisely(bench, body):
    body = body.replace(b"NOTE", str(bench.note(3)).encode())
    answer = await bench.http.post("/add-checkpoint", content=body)
    assert answer.status_code == 400
    assert answer.text.endswith("\n")
    assert "Traceback" not in answer.text


async def test_other_paths_and_methods_are_refused(bench):
    assert (await bench.http.get("/add-checkpoint")).status_code == 405
    assert (await bench.http.get("/zz/checkpoint")).status_code == 404
    assert (await bench.http.get("/")).status_code == 404


def test_keys_are_kept_from_others_and_never_overwritten(tmp_path):
    path = tmp_path / "witness.pem"
    keys = WitnessKeys.generate("w1.example")
    keys.save(path, Secret(b"passphrase"))
    assert path.stat().st_mode & 0o777 == 0o600
    assert WitnessKeys.load(path, "w1.example", Secret(b"passphrase")).public == keys.public
    with pytest.raises(Conflict):
        keys.save(path)
    for passphrase in (None, Secret(b"wrong")):
        with pytest.raises(Invalid):
            WitnessKeys.load(path, "w1.example", passphrase)
    path.chmod(0o640)
    with pytest.raises(Invalid):
        WitnessKeys.load(path, "w1.example", Secret(b"passphrase"))


def test_keys_without_a_passphrase_come_back_too_and_damaged_ones_do_not(tmp_path):
    path = tmp_path / "witness.pem"
    keys = WitnessKeys.generate("w1.example")
    keys.save(path)
    assert WitnessKeys.load(path, "w1.example").public == keys.public
    with pytest.raises(Invalid):
        WitnessKeys.load(path, "a name")
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(Invalid):
        WitnessKeys.load(path, "w1.example")


async def test_it_answers_over_a_real_socket(bench):
    server = Server(bench.app, address="127.0.0.1", port=_free_port(), interface=Interfaces.ASGINL, log_enabled=False)
    serving = asyncio.ensure_future(server.serve())
    bench.http = httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.bind_port}")
    try:
        for _ in range(200):
            try:
                answer = await bench.add(0, bench.note(5))
                break
            except httpx.ConnectError:
                await asyncio.sleep(0.02)
        assert answer.status_code == 200
        assert (await bench.add(0, bench.note(7))).text == "5\n"
        assert (await bench.add(5, bench.note(7))).status_code == 200
    finally:
        await bench.http.aclose()
        server.stop()
        await serving


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
