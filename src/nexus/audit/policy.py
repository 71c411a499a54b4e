"""Which logs and witnesses to trust, and how many of them: the C2SP tlog-policy form.

One rule is stricter than C2SP's: where several keys of one log are listed, *each* must have signed. A log of ours has
an Ed25519 key and an ML-DSA-44 key, and a forger has to break both.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from nexus.audit.model import LogPolicy
from nexus.crypto.notes import Checkpoint, Note, SignatureType, VerifierKey, verify_note
from nexus.kernel.errors import Damaged, Invalid

MAX_POLICY_BYTES = 262_144
MAX_NAMES = 256
"""Witnesses and groups of one policy."""

_NOBODY = "none"


@dataclass(frozen=True, slots=True)
class LogIdentity:
    """A log: its origin, and its keys (Ed25519 and ML-DSA-44), all of which must sign each checkpoint."""

    origin: str
    keys: tuple[VerifierKey, ...]

    def __post_init__(self) -> None:
        if not self.keys or any(key.name != self.origin for key in self.keys):
            raise Invalid("the keys of a log carry its origin as their name", code="audit.log-keys")


@dataclass(frozen=True, slots=True)
class Attestation:
    """A checkpoint whose log signatures hold. `cosigned`: witness name -> time (s) of its cosignature."""

    checkpoint: Checkpoint
    cosigned: Mapping[str, int]
    witnessed: bool
    """Whether the quorum of the policy is met."""

    @classmethod
    def unverified(cls, note: Note) -> "Attestation":
        """What a note claims, vouched for by nobody: to go on checking and find out what else is wrong."""
        return cls(Checkpoint.parse(note.text), {}, False)


@dataclass(frozen=True, slots=True)
class _Group:
    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TrustPolicy:
    """Read it with `parse`; ask it with `verify`."""

    logs: Mapping[str, tuple[VerifierKey, ...]]
    witnesses: Mapping[str, VerifierKey]
    groups: Mapping[str, _Group]
    quorum: str

    @classmethod
    def parse(cls, text: str) -> "TrustPolicy":
        """Read a tlog-policy file. Raises Invalid, naming the line."""
        if len(text.encode("utf-8", "surrogateescape")) > MAX_POLICY_BYTES:
            raise Invalid(f"a trust policy has at most {MAX_POLICY_BYTES} bytes", code="policy.too-large")
        parser = _Parser()
        for number, line in enumerate(text.split("\n"), 1):
            try:
                parser.line(line.replace("\t", " ").strip(" "))
            except Invalid as error:
                raise Invalid(f"line {number} of the trust policy: {error.message}", code=error.code) from None
        return parser.finish()

    def verify(self, note: Note) -> Attestation:
        """Check a checkpoint's signatures. Raises Damaged unless it is of a listed log and signed with all its keys."""
        # Step 1. The origin is that of a listed log.
        checkpoint = Checkpoint.parse(note.text)
        keys = self.logs.get(checkpoint.origin)
        if keys is None:
            raise Damaged("the checkpoint is of a log that the policy does not list", code="policy.unknown-log")
        # Step 2. Every listed key of the log has signed it.
        if len(verify_note(note, keys)) != len(keys):
            raise Damaged("the checkpoint lacks a signature of its log", code="policy.log-signature")
        # Step 3. Which witnesses have cosigned it, and whether they are enough.
        signed = verify_note(note, self.witnesses.values())
        cosigned = {name: signed[key] for name, key in self.witnesses.items() if key in signed}
        return Attestation(checkpoint, cosigned, self._holds(self.quorum, cosigned))

    def require_witnesses(self, attestation: Attestation) -> None:
        """Raise Damaged unless enough witnesses cosigned."""
        if not attestation.witnessed:
            raise Damaged("too few of the policy's witnesses have cosigned the checkpoint", code="policy.quorum")

    def _holds(self, name: str, cosigned: Mapping[str, int]) -> bool:
        if name == _NOBODY or name in cosigned:
            return True
        group = self.groups.get(name)
        return group is not None and sum(self._holds(member, cosigned) for member in group.members) >= group.threshold


class _Parser:
    """Line by line; names can only refer to lines above, so that there are no circles."""

    def __init__(self) -> None:
        self._logs: dict[str, tuple[VerifierKey, ...]] = {}
        self._witnesses: dict[str, VerifierKey] = {}
        self._groups: dict[str, _Group] = {}
        self._members: set[str] = set()
        self._public_keys: set[bytes] = set()
        self._quorum: str | None = None
        self._verbs: dict[str, Callable[[list[str]], None]] = {
            "log": self._log,
            "witness": self._witness,
            "group": self._group,
            "quorum": self._set_quorum,
        }

    def line(self, line: str) -> None:
        if not line or line.startswith("#"):
            return
        verb, *items = line.split()
        if verb not in self._verbs:
            raise Invalid("unknown keyword", code="policy.keyword")
        self._verbs[verb](items)

    def finish(self) -> TrustPolicy:
        if self._quorum is None:
            raise Invalid("a trust policy has one quorum line", code="policy.quorum-line")
        return TrustPolicy(self._logs, self._witnesses, self._groups, self._quorum)

    def _log(self, items: list[str]) -> None:
        _require(1 <= len(items) <= 2)
        key = self._key(items[0], {SignatureType.ED25519, SignatureType.MLDSA44})
        self._logs[key.name] = (*self._logs.get(key.name, ()), key)

    def _witness(self, items: list[str]) -> None:
        _require(2 <= len(items) <= 3)
        self._new_name(items[0])
        self._witnesses[items[0]] = self._key(items[1], {SignatureType.ED25519_COSIGNATURE, SignatureType.MLDSA44})

    def _group(self, items: list[str]) -> None:
        _require(len(items) >= 3)
        name, count, *members = items
        if any(not self._known(member) or member in self._members for member in members) or len(set(members)) != len(
            members
        ):
            raise Invalid("a group takes names of lines above, each in one group only", code="policy.member")
        words = {"all": len(members), "any": 1}
        threshold = words.get(count) or (int(count) if count.isascii() and count.isdigit() and len(count) < 5 else 0)
        if not 1 <= threshold <= len(members):
            raise Invalid("a group needs from one to all of its members", code="policy.threshold")
        self._new_name(name)
        self._members.update(members)
        self._groups[name] = _Group(threshold, tuple(members))

    def _set_quorum(self, items: list[str]) -> None:
        _require(len(items) == 1)
        if self._quorum is not None or not (items[0] == _NOBODY or self._known(items[0])):
            raise Invalid("one quorum line, with a name of a line above", code="policy.quorum-line")
        self._quorum = items[0]

    def _key(self, text: str, types: set[SignatureType]) -> VerifierKey:
        key = VerifierKey.parse(text)
        if key.type not in types:
            raise Invalid("a key of this type does not sign this", code="policy.key-type")
        if key.public_key in self._public_keys:
            raise Invalid("the same public key twice", code="policy.duplicate-key")
        self._public_keys.add(key.public_key)
        return key

    def _new_name(self, name: str) -> None:
        if name == _NOBODY or self._known(name):
            raise Invalid("this name is taken", code="policy.name")
        if len(self._witnesses) + len(self._groups) >= MAX_NAMES:
            raise Invalid(f"at most {MAX_NAMES} witnesses and groups", code="policy.too-large")

    def _known(self, name: str) -> bool:
        return name in self._witnesses or name in self._groups


def _require(well_formed: bool) -> None:
    if not well_formed:
        raise Invalid("wrong number of items", code="policy.items")


def policy_text(identity: LogIdentity, policy: LogPolicy) -> str:
    """The trust policy of a log in the tlog-policy form: a witness counts once all its keys have cosigned."""
    lines = [f"# Trust policy of the audit log {identity.origin}"]
    lines += [f"log {key}" for key in identity.keys]
    for witness in policy.witnesses:
        keys = [VerifierKey.parse(text) for text in witness.keys]
        names = [f"{witness.name}/{key.type.name.lower()}" for key in keys]
        lines += [f"witness {name} {key} {witness.url}" for name, key in zip(names, keys, strict=True)]
        lines.append(f"group {witness.name} all {' '.join(names)}")
    if policy.quorum:
        lines.append(f"group witnesses {policy.quorum} {' '.join(witness.name for witness in policy.witnesses)}")
    lines.append(f"quorum {'witnesses' if policy.quorum else _NOBODY}")
    return "\n".join(lines) + "\n"
