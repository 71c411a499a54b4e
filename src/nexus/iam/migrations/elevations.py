"""Elevation just in time: what persons are eligible for, and what they have been elevated to.

Eligible grants have a table of their own, so that nothing that reads `iam_grant` can take one for a right that holds.
"""

_TABLES = (
    "CREATE TABLE iam_eligibility (id TEXT PRIMARY KEY, person TEXT NOT NULL REFERENCES iam_identity (id),"
    " role TEXT NOT NULL, scope TEXT NOT NULL, kind TEXT NOT NULL CHECK (kind IN ('elevation', 'emergency')),"
    " approval TEXT NOT NULL CHECK (approval IN ('second-person', 'alone')), starts_at INTEGER NOT NULL,"
    " ends_at INTEGER NOT NULL, granted_by TEXT NOT NULL, granted_at INTEGER NOT NULL, suspended_at INTEGER,"
    " revoked_at INTEGER) STRICT",
    "CREATE INDEX iam_eligibility_person ON iam_eligibility (person)",
    "CREATE TABLE iam_elevation (id TEXT PRIMARY KEY, eligibility TEXT NOT NULL REFERENCES iam_eligibility (id),"
    " person TEXT NOT NULL REFERENCES iam_identity (id), role TEXT NOT NULL, scope TEXT NOT NULL,"
    " kind TEXT NOT NULL CHECK (kind IN ('elevation', 'emergency')), reason TEXT NOT NULL, purpose TEXT NOT NULL,"
    " session TEXT NOT NULL, starts_at INTEGER NOT NULL, ends_at INTEGER NOT NULL, ended_at INTEGER,"
    " CHECK (kind = 'elevation' OR (scope <> 'platform'"
    " AND role IN ('data_provider', 'researcher', 'output_checker')))) STRICT",
    "CREATE INDEX iam_elevation_person ON iam_elevation (person, ends_at)",
)

_WATCHED = (
    ("iam_eligibility", "UPDATE"),
    ("iam_eligibility", "DELETE"),
    ("iam_elevation", "INSERT"),
    ("iam_elevation", "UPDATE"),
    ("iam_elevation", "DELETE"),
)

ELEVATIONS = (
    *_TABLES,
    *(
        f"CREATE TRIGGER {table}_{change.lower()}_moves_version AFTER {change} ON {table}"  # noqa: S608 - constants
        " BEGIN UPDATE iam_version SET version = version + 1; END"
        for table, change in _WATCHED
    ),
)
