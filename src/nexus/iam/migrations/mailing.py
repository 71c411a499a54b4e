"""Notices that are also sent by mail: when that was arranged; those from before are not sent any more."""

MAILING = (
    "ALTER TABLE iam_notice ADD COLUMN mailed_at INTEGER",
    "UPDATE iam_notice SET mailed_at = last_at",
    "CREATE INDEX iam_notice_unmailed ON iam_notice (first_at) WHERE mailed_at IS NULL",
)
