"""Whatever is written in SQL is taken by both engines, and means the same on both."""

import ast
import re

import pytest
from project_tree import SOURCE, shown, syntax
from psycopg import postgres
from sql_statements import migrations, statements

from nexus.kernel.database import Database
from nexus.kernel.engines.definitions import define
from nexus.kernel.engines.dialect import UntranslatableError, query
from nexus.kernel.engines.port import InEach
from simulators.recorder import MemoryRecorder

SENT = {"int8", "int4", "text", "bytea", "json", "numeric"}
"""What values are sent as, or become by themselves."""


def test_every_statement_is_written_for_both_engines():
    """Says at once, without any server, what PostgreSQL would not take or would take for something else."""
    faults, count = [], 0
    for statement in statements():
        count += 1
        try:
            query(statement.sql)
        except UntranslatableError as error:
            faults.append(f"{statement.place}: {error}")
    assert faults == []
    assert count > 380


def test_whoever_changes_a_version_announces_it():
    """Processes remember rows of versions until their key is announced; `watched` could not know otherwise."""
    changes = re.compile(r"\b(INSERT INTO|UPDATE|DELETE FROM) objects_(version|body)\b")
    store = SOURCE / "nexus" / "objects" / "store" / "versions.py"
    elsewhere = [each.place for each in statements() if changes.match(each.sql) and shown(store) not in each.place]
    assert elsewhere == []
    silent, found = [], 0
    for function in syntax(store).body:
        if isinstance(function, ast.FunctionDef) and changes.search(ast.unparse(function)):
            found += 1
            if "tx.announce(_name(bucket, row.key))" not in ast.unparse(function):
                silent.append(function.name)
    assert (silent, found) == ([], 5)


def test_every_step_of_a_migration_is_written_for_both_engines():
    faults = []
    for step in migrations():
        for statement in step.statements:
            try:
                assert isinstance(statement, InEach) or define(statement)
            except UntranslatableError as error:
                faults.append(f"{step.service} {step.version}: {error}")
    assert faults == []


def test_sqlite_prepares_every_statement(tmp_path):
    database = Database(tmp_path / "all.db", recorder=MemoryRecorder())
    database.migrate(migrations())
    with database.read() as tx:
        for statement in statements():
            tx.all(f"EXPLAIN {statement.sql}", _nulls(statement.sql))
    database.close()


def test_postgresql_prepares_every_statement(postgresql):
    database = Database(postgresql.engine(), recorder=MemoryRecorder())
    database.migrate(migrations())
    faults = []
    with database.read() as tx:
        wire = tx.connection.pgconn
        for statement in statements():
            result = wire.prepare(b"", query(statement.sql).encode())
            message = result.error_message.decode()
            if not message:
                described = wire.describe_prepared(b"")
                kinds = {postgres.types.get(described.param_type(at)).name for at in range(described.nparams)}
                message = ", ".join(kinds - SENT)
            if message:
                faults.append(f"{statement.place}: {message}")
                tx.connection.execute("ROLLBACK")
                tx.connection.execute("BEGIN")
    database.close()
    assert "\n".join(faults) == ""


def _nulls(sql):
    numbered = [
        int(word[1:].rstrip(")")) for word in sql.replace(",", " ").split() if word[:1] == "?" and word[1:2].isdigit()
    ]
    return (None,) * (max(numbered) if numbered else sql.count("?"))


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("INSERT OR IGNORE INTO t VALUES (1)", "INSERT OR"),
        ("REPLACE INTO t VALUES (1)", "neither a query"),
        ("SELECT a FROM t WHERE a LIKE 'x%'", "LIKE"),
        ("SELECT max(a, b) FROM t", "several values"),
        ("SELECT json_extract(a, '$.b') FROM t", "json_extract"),
        ("SELECT hex(a) FROM t", "hex"),
        ("SELECT a FROM t WHERE b = TRUE", "TRUE"),
        ("SELECT CAST(a AS TEXT) FROM t", "text and bytes"),
        ("SELECT rowid FROM t", "ROWID"),
        ("SELECT a FROM t WHERE b == 1", "what is"),
        ("SELECT a -- b", "what is"),
        ("PRAGMA user_version", "neither a query"),
        ("SELECT (1", "open"),
    ],
)
def test_what_only_one_engine_would_understand_is_refused(sql, why):
    with pytest.raises(UntranslatableError, match=why):
        query(sql)
