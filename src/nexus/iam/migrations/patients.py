"""Accounts of patients: persons who hold no role and never will. A patient's account is told from others by this table."""

_CODES = (
    "CREATE TABLE iam_patient_code (person TEXT PRIMARY KEY REFERENCES iam_identity (id), code_hash BLOB NOT NULL UNIQUE,"
    " fact BLOB NOT NULL, tries INTEGER NOT NULL, expires_at INTEGER NOT NULL) STRICT"
)
"""`fact`: a keyed hash of the second fact (a birth date), bound to the code; `tries`: how often the code was presented."""

PATIENTS = (
    "CREATE TABLE iam_patient (person TEXT PRIMARY KEY REFERENCES iam_identity (id), since INTEGER NOT NULL) STRICT",
    _CODES,
    *(
        f"CREATE TRIGGER iam_patient_{change.lower()}_moves_version AFTER {change} ON iam_patient"  # noqa: S608
        " BEGIN UPDATE iam_version SET version = version + 1; END"
        for change in ("INSERT", "UPDATE", "DELETE")
    ),
)
