"""Our SQL in PostgreSQL's words. What it does not know, it refuses: better no statement than one that means something else.

Our SQL is what SQLite takes, less what PostgreSQL has no word for. Placeholders are `?`, or `?1` where one is used twice.
What changes on the way: placeholders, blob literals, names that PostgreSQL reserves, the functions in `_FUNCTIONS`, and
in definitions (definitions.py) types, keys and triggers. `CREATE ... STRICT` is demanded, because a column without a type
would take anything on one engine only. docs/explanation/two-databases.md says how to write for both.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

_TOKEN: Final = re.compile(
    r"(?P<space>\s+)"
    r"|(?P<blob>[xX]'[0-9a-fA-F]*')"
    r"|(?P<string>'(?:[^']|'')*')"
    r"|(?P<place>\?[0-9]*)"
    r"|(?P<number>[0-9]+(?![A-Za-z_]))"
    r"|(?P<word>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<sign><>|<=|>=|\|\||-(?!-)|/(?!\*)|=(?!=)|[+*%(),.<>;])"
)

_REFUSED: Final = {
    "LIKE": "ignores case in SQLite only: compare a range, or lower()",
    "GLOB": "PostgreSQL has none",
    "MATCH": "PostgreSQL has none",
    "REGEXP": "PostgreSQL has none",
    "COLLATE": "every text sorts by its bytes, on both",
    "PRAGMA": "belongs into the engine",
    "ROWID": "name the primary key",
    "REPLACE": "write ON CONFLICT (...) DO UPDATE SET ...: a replaced row loses what the statement does not name",
    "ABORT": "only in a trigger, as RAISE(ABORT, '...')",
    "TRUE": "write 1",
    "FALSE": "write 0",
    "CURRENT_TIMESTAMP": "time comes from the clock, as a parameter",
    "CURRENT_TIME": "time comes from the clock, as a parameter",
    "CURRENT_DATE": "time comes from the clock, as a parameter",
}


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_KEYWORDS: Final = _words(
    """
    ADD AFTER ALL ALTER AND AS ASC BEFORE BEGIN BY CASE CAST CHECK COLUMN CONFLICT CREATE CROSS DEFAULT DELETE DESC
    DISTINCT DO DROP EACH ELSE END EXCEPT EXISTS EXPLAIN FILTER FOR FROM GROUP HAVING IF IN INDEX INNER INSERT INTERSECT
    INTO IS JOIN LEFT LIMIT NOT NOTHING NULL OFFSET ON OR ORDER OUTER OVER PARTITION PRIMARY RECURSIVE REFERENCES
    RETURNING ROW SELECT SET TABLE THEN TRIGGER UNION UNIQUE UPDATE USING VALUES WHEN WHERE WITH
    """
)
"""What our SQL uses as words of the language; anything else is a name."""

_RESERVED: Final = _words(
    """
    ANALYSE ANALYZE ANY ARRAY ASYMMETRIC AUTHORIZATION BINARY BOTH COLLATION CONCURRENTLY CONSTRAINT CURRENT_CATALOG
    CURRENT_ROLE CURRENT_SCHEMA CURRENT_USER DEFERRABLE FETCH FOREIGN FREEZE FULL GRANT ILIKE INITIALLY ISNULL LATERAL
    LEADING LOCALTIME LOCALTIMESTAMP NATURAL NOTNULL ONLY OVERLAPS PLACING RIGHT SESSION_USER SIMILAR SOME SYMMETRIC
    SYSTEM_USER TABLESAMPLE TO TRAILING USER VARIADIC VERBOSE WINDOW
    """
)
"""What PostgreSQL reserves and we use as names: written in double quotes."""

_NO_CALL_AFTER: Final = frozenset({"INTO", "TABLE", "REFERENCES", "PRIMARY", "WITH", "RECURSIVE"})
"""A name and an opening parenthesis after these are a table with its columns."""

_FUNCTIONS: Final = {
    "COUNT": ("count(", ")"),
    "SUM": ("sum(", ")"),
    "MAX": ("max(", ")"),
    "MIN": ("min(", ")"),
    "COALESCE": ("coalesce(", ")"),
    "NULLIF": ("nullif(", ")"),
    "ABS": ("abs(", ")"),
    "LOWER": ("lower(", ")"),
    "UPPER": ("upper(", ")"),
    "LENGTH": ("length(", ")"),
    "ROW_NUMBER": ("row_number(", ")"),
    "JSON": ("CAST(", " AS json)"),
    "JSON_ARRAY": ("json_build_array(", ")"),
    "JSON_GROUP_ARRAY": ("coalesce(json_agg(", "), '[]')"),
    "JSON_EACH": ("json_array_elements_text(CAST(", " AS json))"),
}
"""Function -> what stands before and after its arguments. JSON_EACH: of an array of texts, and of that the column `value`."""
_ONE_ARGUMENT: Final = frozenset({"MAX", "MIN"})
_TYPES_IN_CAST: Final = {"INTEGER": "bigint"}


class UntranslatableError(Exception):
    """A statement that PostgreSQL would not take, or would take for something else."""


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of SQL. `kind`: word, string, blob, place, number or sign; `upper`: words as they are compared."""

    kind: str
    text: str

    @property
    def upper(self) -> str:
        return self.text.upper() if self.kind == "word" else self.text


def tokens(sql: str) -> list[Token]:
    """The pieces of a statement, spaces left out. Raises UntranslatableError."""
    found, at = [], 0
    while at < len(sql):
        match = _TOKEN.match(sql, at)
        if match is None or match.lastgroup is None:
            raise UntranslatableError(f"what is {sql[at : at + 12]!r}?")
        if match.lastgroup != "space":
            found.append(Token(match.lastgroup, match.group()))
        at = match.end()
    return found


def query(sql: str) -> str:
    """A statement that reads or changes rows, as PostgreSQL takes it with numbered placeholders."""
    found = tokens(sql)
    if not found or found[0].upper not in {"SELECT", "INSERT", "UPDATE", "DELETE", "WITH"}:
        raise UntranslatableError(f"this is neither a query nor a change of rows: {sql[:40]!r}")
    return " ".join(expression(found))


def expression(found: Sequence[Token]) -> Iterator[str]:
    """The words of any piece of SQL that defines nothing."""
    return _Words(found).run()


class _Words:
    """One pass over the pieces, with what is open at each: parentheses and cases."""

    def __init__(self, found: Sequence[Token]) -> None:
        self._tokens = found
        self._closers: list[str] = []
        """What is written where each open parenthesis closes."""
        self._single: list[bool] = []
        """Whether a comma is refused in it."""
        self._cases = 0
        self._placed = 0

    def run(self) -> Iterator[str]:
        skip = 0
        for at, token in enumerate(self._tokens):
            if skip:
                skip -= 1
                continue
            if token.kind == "word":
                skip, text = self._word(at, token)
                if text:
                    yield text
            else:
                yield self._other(token)
        if self._closers or self._cases:
            raise UntranslatableError("something is open at the end")

    def _word(self, at: int, token: Token) -> tuple[int, str]:
        """(pieces to leave out after it, what is written)"""
        word, following = token.upper, self._upper(at + 1)
        before = self._upper(at - 1) if at else ""
        if before == ".":
            return 0, _name(token)
        if word == "INDEXED":  # a hint to SQLite alone: INDEXED BY name
            return 2, ""
        if word == "INSERT" and following == "OR":
            raise UntranslatableError("INSERT OR: write ON CONFLICT")
        if word in _REFUSED:
            raise UntranslatableError(f"{word}: {_REFUSED[word]}")
        if word == "CASE":
            self._cases += 1
        elif word == "END":
            if not self._cases:
                return 0, '"end"'
            self._cases -= 1
        if following == "(" and word not in _KEYWORDS and before not in _NO_CALL_AFTER:
            return 1, self._call(word)
        if word in _TYPES_IN_CAST and before == "AS":
            return 0, _TYPES_IN_CAST[word]
        if word in {"TEXT", "BLOB"} and before == "AS" and self._upper(at + 1) == ")":
            raise UntranslatableError("CAST between text and bytes means two things")
        return 0, token.text if word in _KEYWORDS else _name(token)

    def _call(self, word: str) -> str:
        if word not in _FUNCTIONS:
            raise UntranslatableError(f"the function {word.lower()}() is not known to both")
        opening, closing = _FUNCTIONS[word]
        self._closers.append(closing)
        self._single.append(word in _ONE_ARGUMENT)
        return opening

    def _other(self, token: Token) -> str:
        text = token.text
        if text == "(":
            self._closers.append(")")
            self._single.append(False)
        elif text == ")":
            if not self._closers:
                raise UntranslatableError("a parenthesis closes that was not open")
            self._single.pop()
            return self._closers.pop()
        elif text == "," and self._single and self._single[-1]:
            raise UntranslatableError("max() and min() of several values: write CASE WHEN")
        elif token.kind == "blob":
            return blob(token)
        elif token.kind == "place":
            self._placed = int(text[1:]) if len(text) > 1 else self._placed + 1
            return f"${self._placed}"
        return text

    def _upper(self, at: int) -> str:
        return self._tokens[at].upper if at < len(self._tokens) else ""


def blob(token: Token) -> str:
    """A literal of bytes."""
    return f"'\\x{token.text[2:-1].lower()}'::bytea"


def _name(token: Token) -> str:
    return f'"{token.text.lower()}"' if token.upper in _RESERVED or token.upper == "END" else token.text
