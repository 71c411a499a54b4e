"""Directories: machines that bring people in and take them out (SCIM), and what membership in a group of theirs gives."""

DIRECTORY = (
    "CREATE TABLE iam_directory (machine TEXT PRIMARY KEY REFERENCES iam_identity (id), ends_at INTEGER NOT NULL,"
    " registered_by TEXT NOT NULL, registered_at INTEGER NOT NULL, revoked_at INTEGER) STRICT",
    "CREATE TABLE iam_directory_group (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, role TEXT NOT NULL"
    " CHECK (role IN ('data_provider', 'researcher', 'output_checker')), scope TEXT NOT NULL, ends_at INTEGER NOT NULL,"
    " mapped_by TEXT NOT NULL, mapped_at INTEGER NOT NULL) STRICT",
    "CREATE TABLE iam_directory_member (team TEXT NOT NULL REFERENCES iam_directory_group (id),"
    " person TEXT NOT NULL REFERENCES iam_identity (id), grant_id TEXT NOT NULL, PRIMARY KEY (team, person)) STRICT",
    "CREATE TABLE iam_directory_person (person TEXT PRIMARY KEY REFERENCES iam_identity (id), external_id TEXT UNIQUE,"
    " changed_at INTEGER NOT NULL, stopped_at INTEGER, left_at INTEGER) STRICT",
    *(
        f"CREATE TRIGGER iam_directory_{change.lower()}_moves_version AFTER {change} ON iam_directory"  # noqa: S608
        " BEGIN UPDATE iam_version SET version = version + 1; END"
        for change in ("INSERT", "UPDATE", "DELETE")
    ),
)
