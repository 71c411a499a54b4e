"""Break-glass: each use with its review, and the alarms that wait to be told."""

BREAK_GLASS = (
    "CREATE TABLE iam_break_glass (elevation TEXT PRIMARY KEY REFERENCES iam_elevation (id),"
    " person TEXT NOT NULL REFERENCES iam_identity (id), due_at INTEGER NOT NULL,"
    " verdict TEXT NOT NULL DEFAULT 'none' CHECK (verdict IN ('none', 'justified', 'unjustified')),"
    " overdue_at INTEGER, reviewed_by TEXT, reviewed_at INTEGER, comment TEXT NOT NULL DEFAULT '') STRICT",
    "CREATE INDEX iam_break_glass_waiting ON iam_break_glass (due_at) WHERE verdict = 'none'",
    "CREATE TABLE iam_alarm (position INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL,"
    " person TEXT NOT NULL, about TEXT NOT NULL, at INTEGER NOT NULL, told_at INTEGER) STRICT",
    "CREATE INDEX iam_alarm_untold ON iam_alarm (position) WHERE told_at IS NULL",
)
