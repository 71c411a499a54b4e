"""What the portal keeps itself: who wishes to be told by mail. Addresses and hints are sealed; counts name no reader."""

from nexus.kernel.database import Migration

MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        "portal",
        1,
        (
            # An empty address: none was confirmed yet. `mail`: the last message, by which one that is given up is known.
            "CREATE TABLE portal_notice (account TEXT PRIMARY KEY, wish TEXT NOT NULL, refused INTEGER NOT NULL,"
            " address BLOB NOT NULL, hint BLOB NOT NULL, since INTEGER NOT NULL, sent_at INTEGER NOT NULL,"
            " due_at INTEGER, failed_at INTEGER, mail TEXT) STRICT",
            "CREATE INDEX portal_notice_due ON portal_notice (due_at) WHERE due_at IS NOT NULL",
            "CREATE INDEX portal_notice_mail ON portal_notice (mail) WHERE mail IS NOT NULL",
            "CREATE TABLE portal_notice_code (account TEXT PRIMARY KEY, code BLOB NOT NULL, address BLOB NOT NULL,"
            " hint BLOB NOT NULL, ends_at INTEGER NOT NULL, tries INTEGER NOT NULL, sent INTEGER NOT NULL,"
            " sent_since INTEGER NOT NULL) STRICT",
            "CREATE TABLE portal_untold (account TEXT NOT NULL, subject TEXT NOT NULL, uses INTEGER NOT NULL,"
            " PRIMARY KEY (account, subject)) STRICT",
            # How far the log has been followed.
            "CREATE TABLE portal_followed (id INTEGER PRIMARY KEY CHECK (id = 1), place INTEGER NOT NULL) STRICT",
            # Addresses that are told once more, that it was the last time.
            "CREATE TABLE portal_parting (id TEXT PRIMARY KEY, account TEXT NOT NULL, address BLOB NOT NULL) STRICT",
        ),
    ),
    Migration(
        "portal",
        2,
        (
            # Uses of data of many, which somebody is to be told of once it is known of whom: their key was disabled.
            "CREATE TABLE portal_unknown (place INTEGER PRIMARY KEY, name TEXT NOT NULL, refused INTEGER NOT NULL,"
            " urgent INTEGER NOT NULL) STRICT",
        ),
    ),
)
