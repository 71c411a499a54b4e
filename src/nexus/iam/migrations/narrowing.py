"""Access keys that are narrowed, and that follow one another."""

NARROWING = (
    "ALTER TABLE iam_access_key ADD COLUMN narrowing TEXT",
    "ALTER TABLE iam_access_key ADD COLUMN follows TEXT",
)
"""`narrowing`: JSON; NULL narrows nothing. `follows`: the key that this one took over from."""
