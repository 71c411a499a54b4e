"""When each right was last used: a day for each grant, and since when uses are counted.

No trigger moves the version of all rights: that a right was used changes no decision.
"""

from nexus.kernel.engines.port import InEach

USAGE = (
    "CREATE TABLE iam_grant_use (grant_id TEXT PRIMARY KEY, day INTEGER NOT NULL) STRICT",
    "CREATE TABLE iam_use_counted (one INTEGER PRIMARY KEY CHECK (one = 1), since INTEGER NOT NULL) STRICT",
    InEach(
        sqlite="INSERT INTO iam_use_counted VALUES (1, unixepoch() * 1000000)",
        postgresql="INSERT INTO iam_use_counted VALUES (1, extract(epoch FROM transaction_timestamp())::bigint * 1000000)",
    ),
)
