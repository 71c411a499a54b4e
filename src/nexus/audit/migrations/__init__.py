"""The schema of the audit log. Entries are never altered or removed: the triggers refuse it, whoever asks."""

from nexus.kernel.database import Migration

MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        "audit",
        1,
        (
            # The tree head: one row, replaced by compare-and-swap, so that the log has one line of growth.
            "CREATE TABLE audit_head (id INTEGER PRIMARY KEY CHECK (id = 1), size INTEGER NOT NULL,"
            " root BLOB NOT NULL, frontier BLOB NOT NULL, erasures INTEGER NOT NULL) STRICT",
            # An empty log: its root is the SHA-256 of nothing.
            "INSERT INTO audit_head VALUES"
            " (1, 0, x'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', x'', 0)",
            "CREATE TRIGGER audit_head_grows BEFORE UPDATE ON audit_head"
            " WHEN NEW.size < OLD.size OR NEW.erasures < OLD.erasures"
            " BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END",
            "CREATE TRIGGER audit_head_stays BEFORE DELETE ON audit_head"
            " BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END",
            # One row for each entry: what the tree hashes, and the sealed payload.
            "CREATE TABLE audit_leaf (position INTEGER PRIMARY KEY, leaf BLOB NOT NULL, epoch INTEGER NOT NULL,"
            " sealed BLOB NOT NULL) STRICT",
            "CREATE TRIGGER audit_leaf_unaltered BEFORE UPDATE ON audit_leaf"
            " BEGIN SELECT RAISE(ABORT, 'an audit entry is never altered'); END",
            "CREATE TRIGGER audit_leaf_unremoved BEFORE DELETE ON audit_leaf"
            " BEGIN SELECT RAISE(ABORT, 'an audit entry is never removed'); END",
            # Epoch keys, sealed to the audit public key. Erased: person and key are gone, the row says by what.
            "CREATE TABLE audit_epoch (id INTEGER PRIMARY KEY, person BLOB, sealed BLOB, erased_by TEXT) STRICT",
            "CREATE INDEX audit_epoch_person ON audit_epoch (person) WHERE person IS NOT NULL",
            "CREATE TABLE audit_checkpoint (size INTEGER PRIMARY KEY, note TEXT NOT NULL,"
            " published_at INTEGER NOT NULL, witnessed INTEGER NOT NULL) STRICT",
            # Keyed filters over blocks of entries: they speed searches up and say nothing without the private key.
            "CREATE TABLE audit_filter (block INTEGER PRIMARY KEY, first_at TEXT NOT NULL, last_at TEXT NOT NULL,"
            " bits BLOB NOT NULL) STRICT",
            "CREATE TABLE audit_policy (id INTEGER PRIMARY KEY CHECK (id = 1), body BLOB NOT NULL) STRICT",
        ),
    ),
    Migration(
        "audit",
        2,
        (
            # The history of one person is found by the epochs that sealed it.
            "CREATE INDEX audit_leaf_epoch ON audit_leaf (epoch)",
        ),
    ),
    Migration(
        "audit",
        3,
        (
            # The same, written behind the log's growth (placing.py): no read waits for it any more.
            "DROP INDEX audit_leaf_epoch",
            "CREATE TABLE audit_place (epoch INTEGER NOT NULL, position INTEGER NOT NULL,"
            " PRIMARY KEY (epoch, position)) STRICT, WITHOUT ROWID",
            "CREATE TRIGGER audit_place_unaltered BEFORE UPDATE ON audit_place"
            " BEGIN SELECT RAISE(ABORT, 'an audit entry is never altered'); END",
            "CREATE TRIGGER audit_place_unremoved BEFORE DELETE ON audit_place"
            " BEGIN SELECT RAISE(ABORT, 'an audit entry is never removed'); END",
            # All entries before this position have their place.
            "CREATE TABLE audit_placed (id INTEGER PRIMARY KEY CHECK (id = 1), until INTEGER NOT NULL) STRICT",
            "INSERT INTO audit_placed VALUES (1, 0)",
            "CREATE TRIGGER audit_placed_grows BEFORE UPDATE ON audit_placed WHEN NEW.until < OLD.until"
            " BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END",
        ),
    ),
)
