"""When each right was last used: a day for each grant, and since when uses are counted.

No trigger moves the version of all rights: that a right was used changes no decision.
"""

USAGE = (
    "CREATE TABLE iam_grant_use (grant_id TEXT PRIMARY KEY, day INTEGER NOT NULL) STRICT",
    "CREATE TABLE iam_use_counted (one INTEGER PRIMARY KEY CHECK (one = 1), since INTEGER NOT NULL) STRICT",
    "INSERT INTO iam_use_counted VALUES (1, unixepoch() * 1000000)",
)
