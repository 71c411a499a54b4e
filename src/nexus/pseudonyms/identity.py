"""What a patient is recognised by, in one canonical form: equal people give equal bytes, whoever wrote them down.

A NIR (numéro d'inscription au répertoire, the French social security number) is canonical as its 13 characters; its key
is checked and never required: real files carry many that are wrong. Without a NIR, traits at birth stand for it, with
the rank among twins, because twins of one sex share all others. Where neither is known, the record of one provider does.
"""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from nexus.kernel.errors import Invalid

NIR_CHARACTERS: Final = 13
KEY_CHARACTERS: Final = 2
MAX_TWIN_RANK: Final = 9
MAX_NAME_CHARACTERS: Final = 100
MAX_RECORD_CHARACTERS: Final = 1_000

_SEPARATORS: Final = re.compile(r"[\s.\-/ ]+")
_NIR: Final = re.compile(
    r"(?P<sex>[1-478])(?P<year>\d\d)(?P<month>\d\d)(?P<department>\d\d|2[AB])(?P<rest>\d{6})(?P<key>\d\d)?", re.ASCII
)
_CORSICA: Final = {"2A": "19", "2B": "18"}
_MONTHS: Final = frozenset((*range(1, 13), *range(20, 43), *range(50, 100)))
"""1 to 12, and those that the register writes where the month of birth is not known."""
_COMMUNE: Final = re.compile(r"\d{5}|2[AB]\d{3}", re.ASCII)
_LIGATURES: Final = str.maketrans({"Œ": "OE", "Æ": "AE", "ẞ": "SS", "Ø": "O", "Đ": "D", "Ł": "L", "Þ": "TH", "Ð": "D"})
_FEMALE: Final = frozenset("248")


class NirKey(StrEnum):
    """What the two last characters of a NIR say of the others."""

    RIGHT = "right"
    WRONG = "wrong"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True, repr=False)
class Nir:
    """A NIR without its key. Never printed: it is the very thing that pseudonyms exist for."""

    characters: str
    key: NirKey

    def canonical(self) -> bytes:
        """The bytes that the first level is computed of."""
        return b"nir/1\0" + self.characters.encode("ascii")

    def __repr__(self) -> str:
        return f"Nir(<hidden>, key={self.key.value})"


class Sex(StrEnum):
    """As in the civil register at birth."""

    MALE = "1"
    FEMALE = "2"


@dataclass(frozen=True, slots=True, repr=False)
class BirthTraits:
    """Who has no NIR. Names as at birth, without accents, spaces and hyphens, in capitals."""

    family_name: str
    given_name: str
    born: date
    sex: Sex
    commune: str
    """Official geographic code (INSEE) of the place of birth, 5 characters; 99 and the country's code abroad."""
    twin_rank: int
    """1 for the first born or an only child."""

    def canonical(self) -> bytes:
        """The bytes that the first level is computed of."""
        fields = (
            self.family_name,
            self.given_name,
            self.born.isoformat(),
            self.sex.value,
            self.commune,
            str(self.twin_rank),
        )
        return b"birth/1\0" + "\0".join(fields).encode("ascii")

    def __repr__(self) -> str:
        return "BirthTraits(<hidden>)"


@dataclass(frozen=True, slots=True, repr=False)
class LoneRecord:
    """Whom nothing stands for but what one provider calls her: never the same as anybody whom another one tells of."""

    provider: str
    number: str

    def canonical(self) -> bytes:
        """The bytes that the first level is computed of."""
        return f"record/1\0{self.provider}\0{self.number}".encode()

    def __repr__(self) -> str:
        return "LoneRecord(<hidden>)"


Identity = Nir | BirthTraits | LoneRecord


def lone_record(provider: str, number: str) -> LoneRecord:
    """Read a provider's name and its number of a record. Raises Invalid; quotes nothing."""
    if not 0 < len(provider) <= MAX_NAME_CHARACTERS or not 0 < len(number) <= MAX_RECORD_CHARACTERS:
        raise Invalid("a record has a provider and a number", code="pseudonyms.record")
    if "\0" in provider + number:
        raise Invalid("a record's number is text", code="pseudonyms.record")
    return LoneRecord(provider, number)


def nir(text: str) -> Nir:
    """Read a NIR of 13 characters, or 15 with its key, with or without spaces. Raises Invalid; quotes nothing."""
    compact = _SEPARATORS.sub("", text).upper()
    found = _NIR.fullmatch(compact)
    if found is None or int(found["month"]) not in _MONTHS:
        raise Invalid(
            "this is no NIR",
            code="pseudonyms.nir",
            hint="13 characters, or 15 with the key; Corsica is written 2A and 2B",
        )
    characters = compact[:NIR_CHARACTERS]
    return Nir(characters, _key_state(characters, found["key"]))


def nir_key(characters: str) -> str:
    """The two characters that belong behind a NIR of 13: 97 less the remainder of its number by 97."""
    department = _CORSICA.get(characters[5:7], characters[5:7])
    return f"{97 - int(characters[:5] + department + characters[7:]) % 97:02d}"


def birth_traits(
    family_name: str, given_name: str, born: date, sex: Sex, commune: str, *, twin_rank: int = 1
) -> BirthTraits:
    """Traits at birth in their canonical form. Raises Invalid; quotes nothing."""
    place = commune.strip().upper()
    if _COMMUNE.fullmatch(place) is None:
        raise Invalid("a place of birth is a code of five characters", code="pseudonyms.commune")
    if not 1 <= twin_rank <= MAX_TWIN_RANK:
        raise Invalid(f"the rank of a twin is 1 to {MAX_TWIN_RANK}", code="pseudonyms.twin-rank")
    return BirthTraits(plain_name(family_name), plain_name(given_name), born, sex, place, twin_rank)


def plain_name(text: str) -> str:
    """A name in capitals, without accents, spaces, hyphens and apostrophes. Raises Invalid if no letter is left."""
    if len(text) > MAX_NAME_CHARACTERS:
        raise Invalid(f"a name has at most {MAX_NAME_CHARACTERS} characters", code="pseudonyms.name")
    split = unicodedata.normalize("NFKD", text.upper().translate(_LIGATURES))
    letters = "".join(character for character in split if "A" <= character <= "Z")
    if not letters:
        raise Invalid(
            "a name without a letter of the Latin alphabet stands for nobody",
            code="pseudonyms.name",
            hint="write it as in the civil register, transliterated",
        )
    return letters


def agrees(number: Nir, traits: BirthTraits) -> bool:
    """Whether a NIR can belong to somebody of these traits: sex, year and, where it is known, month of birth."""
    female = number.characters[0] in _FEMALE
    month = int(number.characters[3:5])
    return (
        female == (traits.sex is Sex.FEMALE)
        and int(number.characters[1:3]) == traits.born.year % 100
        and (month > 12 or month == traits.born.month)
    )


def _key_state(characters: str, key: str | None) -> NirKey:
    if key is None:
        return NirKey.ABSENT
    return NirKey.RIGHT if key == nir_key(characters) else NirKey.WRONG
