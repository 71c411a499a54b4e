"""The schema of the object store; docs/formats/object.md explains every column.

Names, sizes and times are clear inside the database, whose file is encrypted as a whole; contents and metadata are
sealed once more, each object under a key of its own.
"""

from nexus.kernel.database import Migration
from nexus.kernel.engines.port import InEach

MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        "objects",
        1,
        (
            # AUTOINCREMENT: the number of a deleted bucket never names another one.
            "CREATE TABLE objects_bucket ("
            " number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL UNIQUE,"
            " site TEXT NOT NULL, project TEXT NOT NULL, kind TEXT NOT NULL, key_id TEXT NOT NULL,"
            " versioning TEXT NOT NULL, owner TEXT NOT NULL, created_at INTEGER NOT NULL, wrapped_key BLOB NOT NULL"
            ") STRICT",
            "CREATE INDEX objects_bucket_key ON objects_bucket (key_id, number)",
            "CREATE TABLE objects_document ("
            " bucket INTEGER NOT NULL, name TEXT NOT NULL, body BLOB NOT NULL, PRIMARY KEY (bucket, name)"
            ") STRICT, WITHOUT ROWID",
            # Clustered as listings read it: by key, newest version first. Bodies are kept out of the way.
            "CREATE TABLE objects_version ("
            " bucket INTEGER NOT NULL, key TEXT NOT NULL, ordinal INTEGER NOT NULL, id TEXT NOT NULL,"
            " latest INTEGER NOT NULL, marker INTEGER NOT NULL, unversioned INTEGER NOT NULL, size INTEGER NOT NULL,"
            " etag TEXT NOT NULL, modified_at INTEGER NOT NULL, blob TEXT, upload TEXT, body INTEGER,"
            " sealed_key BLOB, sealed_facts BLOB, PRIMARY KEY (bucket, key, ordinal DESC)"
            ") STRICT, WITHOUT ROWID",
            "CREATE UNIQUE INDEX objects_version_id ON objects_version (id)",
            "CREATE INDEX objects_version_current ON objects_version (bucket, key) WHERE latest = 1 AND marker = 0",
            "CREATE INDEX objects_version_upload ON objects_version (upload) WHERE upload IS NOT NULL",
            "CREATE TABLE objects_body (number INTEGER PRIMARY KEY, sealed BLOB NOT NULL) STRICT",
            "CREATE TABLE objects_upload ("
            " bucket INTEGER NOT NULL, key TEXT NOT NULL, id TEXT NOT NULL UNIQUE, initiated_at INTEGER NOT NULL,"
            " initiator TEXT NOT NULL, note TEXT NOT NULL, sealed_key BLOB NOT NULL, sealed_facts BLOB NOT NULL,"
            " PRIMARY KEY (bucket, key, id)"
            ") STRICT, WITHOUT ROWID",
            # One row for each file in blobs/. `owner` is a version (number 0) or an upload (number of the part).
            "CREATE TABLE objects_blob ("
            " owner TEXT NOT NULL, number INTEGER NOT NULL, id TEXT NOT NULL UNIQUE, size INTEGER NOT NULL,"
            " etag TEXT NOT NULL, modified_at INTEGER NOT NULL, checksums BLOB NOT NULL, dropped_at INTEGER,"
            " PRIMARY KEY (owner, number)"
            ") STRICT, WITHOUT ROWID",
            "CREATE INDEX objects_blob_dropped ON objects_blob (dropped_at) WHERE dropped_at IS NOT NULL",
        ),
    ),
    Migration(
        "objects",
        2,
        (
            # `revision` counts changes of the documents, so that a process knows when those it remembers are stale.
            "ALTER TABLE objects_bucket ADD COLUMN revision INTEGER NOT NULL DEFAULT 0",
            # NULL: versions cannot be locked. Empty: they can. Otherwise the retention of those that name none.
            "ALTER TABLE objects_bucket ADD COLUMN lock TEXT",
            # The key that an object key is under, where it is not the bucket's own.
            "ALTER TABLE objects_version ADD COLUMN key_id TEXT",
            "ALTER TABLE objects_upload ADD COLUMN key_id TEXT",
            "CREATE TABLE objects_named_key ("
            " bucket INTEGER NOT NULL, key_id TEXT NOT NULL, owner TEXT NOT NULL, wrapped_key BLOB NOT NULL,"
            " PRIMARY KEY (bucket, key_id)"
            ") STRICT, WITHOUT ROWID",
            "CREATE INDEX objects_named_key_id ON objects_named_key (key_id, bucket)",
            # One row for each version that is retained or held: what may not be removed yet.
            "CREATE TABLE objects_lock ("
            " version TEXT NOT NULL PRIMARY KEY, mode TEXT NOT NULL, until INTEGER NOT NULL, held INTEGER NOT NULL"
            ") STRICT, WITHOUT ROWID",
        ),
    ),
    Migration(
        "objects",
        3,
        (
            # NULL: the bucket names no patients. Otherwise what it says of their data (`declaration.py`).
            "ALTER TABLE objects_bucket ADD COLUMN subjects TEXT",
            # Whose data: the number of a subject, or a negative one of a manifest. NULL: nobody is named.
            "ALTER TABLE objects_version ADD COLUMN subject INTEGER",
            "ALTER TABLE objects_upload ADD COLUMN subject INTEGER",
            "CREATE INDEX objects_version_subject ON objects_version (subject) WHERE subject IS NOT NULL",
            "CREATE INDEX objects_upload_subject ON objects_upload (subject) WHERE subject IS NOT NULL",
            # One vault for each site and key of the key service: its own data key seals what is known of subjects.
            "CREATE TABLE objects_vault ("
            " number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, site TEXT NOT NULL, key_id TEXT NOT NULL,"
            " wrapped_key BLOB NOT NULL, sealed_index BLOB NOT NULL, UNIQUE (site, key_id)"
            ") STRICT",
            "CREATE INDEX objects_vault_key ON objects_vault (key_id, number)",
            # `blind` finds a subject and tells nothing of it. `sealed_key` is NULL once the subject was erased.
            "CREATE TABLE objects_subject ("
            " number INTEGER PRIMARY KEY AUTOINCREMENT, vault INTEGER NOT NULL, blind BLOB NOT NULL,"
            " sealed_id BLOB NOT NULL, sealed_key BLOB, erased_at INTEGER, UNIQUE (vault, blind)"
            ") STRICT",
            "CREATE TABLE objects_manifest ("
            " number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, vault INTEGER NOT NULL, sealed BLOB NOT NULL,"
            " UNIQUE (vault, id)"
            ") STRICT",
            "CREATE TABLE objects_manifest_subject ("
            " manifest INTEGER NOT NULL, subject INTEGER NOT NULL, PRIMARY KEY (manifest, subject)"
            ") STRICT, WITHOUT ROWID",
            "CREATE INDEX objects_manifest_subject_of ON objects_manifest_subject (subject)",
        ),
    ),
    Migration(
        "objects",
        4,
        (
            # Lines of access logs that wait to be written into their target buckets.
            "CREATE TABLE objects_access_line ("
            " position INTEGER PRIMARY KEY AUTOINCREMENT, source TEXT NOT NULL, target TEXT NOT NULL,"
            " prefix TEXT NOT NULL, at INTEGER NOT NULL, text TEXT NOT NULL"
            ") STRICT",
        ),
    ),
    Migration(
        "objects",
        5,
        (
            # What a decision of a subject reached in a bucket of a project, once it was carried there.
            "CREATE TABLE objects_reached ("
            " subject INTEGER NOT NULL, decision TEXT NOT NULL, bucket INTEGER NOT NULL, versions INTEGER NOT NULL,"
            " erased INTEGER NOT NULL, kept INTEGER NOT NULL, at INTEGER NOT NULL,"
            " PRIMARY KEY (subject, decision, bucket)"
            ") STRICT, WITHOUT ROWID",
        ),
    ),
    Migration(
        "objects",
        6,
        (
            # Events of buckets that a destination has not taken yet.
            "CREATE TABLE objects_event ("
            " position INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, destination TEXT NOT NULL,"
            " body BLOB NOT NULL, attempts INTEGER NOT NULL, next_at INTEGER NOT NULL, created_at INTEGER NOT NULL"
            ") STRICT",
            "CREATE INDEX objects_event_destination ON objects_event (destination)",
        ),
    ),
    Migration(
        "objects",
        7,
        (
            # Of the bytes of the file, so that a copy can be examined without a key. NULL: written by an earlier version.
            "ALTER TABLE objects_blob ADD COLUMN sealed_checksum BLOB",
        ),
    ),
    Migration(
        "objects",
        8,
        (
            # The log names a manifest by its id, whichever vaults have it.
            "CREATE INDEX objects_manifest_id ON objects_manifest (id)",
        ),
    ),
    Migration(
        "objects",
        9,
        (
            # What a bucket may hold at most. NULL: as much as there is room for.
            "ALTER TABLE objects_bucket ADD COLUMN quota_bytes INTEGER",
            "ALTER TABLE objects_bucket ADD COLUMN quota_objects INTEGER",
            "CREATE INDEX objects_bucket_tenant ON objects_bucket (site, project)",
            # What all buckets of a site, or of a project of it, may hold. `project` is empty for the whole site.
            "CREATE TABLE objects_quota ("
            " site TEXT NOT NULL, project TEXT NOT NULL, bytes INTEGER, objects INTEGER, PRIMARY KEY (site, project)"
            ") STRICT, WITHOUT ROWID",
            # What each bucket holds: changed in the transaction that changes what it counts.
            "CREATE TABLE objects_usage ("
            " bucket INTEGER NOT NULL, versions INTEGER NOT NULL, bytes INTEGER NOT NULL, part_bytes INTEGER NOT NULL,"
            " PRIMARY KEY (bucket)"
            ") STRICT, WITHOUT ROWID",
            "INSERT INTO objects_usage (bucket, versions, bytes, part_bytes) SELECT b.number,"
            " (SELECT COUNT(*) FROM objects_version v WHERE v.bucket = b.number AND v.marker = 0),"
            " (SELECT COALESCE(SUM(v.size), 0) FROM objects_version v WHERE v.bucket = b.number AND v.marker = 0),"
            " (SELECT COALESCE(SUM(p.size), 0) FROM objects_upload u JOIN objects_blob p ON p.owner = u.id"
            " WHERE u.bucket = b.number) FROM objects_bucket b",
            # What each bucket held at the end of a day (days since 1970, UTC). It outlives the bucket.
            "CREATE TABLE objects_usage_day ("
            " day INTEGER NOT NULL, bucket INTEGER NOT NULL, site TEXT NOT NULL, project TEXT NOT NULL,"
            " versions INTEGER NOT NULL, bytes INTEGER NOT NULL, PRIMARY KEY (day, bucket)"
            ") STRICT, WITHOUT ROWID",
        ),
    ),
    Migration(
        "objects",
        10,
        tuple(
            # Processes remember buckets between changes: see `kernel/engines/generation.py`. On PostgreSQL they ask each time.
            InEach(
                sqlite=f"CREATE TRIGGER objects_bucket_{change.lower()}_is_told AFTER {change} ON objects_bucket"
                " BEGIN SELECT kernel_moved(); END",
                postgresql="SELECT 1",
            )
            for change in ("INSERT", "UPDATE", "DELETE")
        ),
    ),
    Migration(
        "objects",
        11,
        (
            # How the log object of a line is named and shared. Empty: a simple name, for the owner alone.
            "ALTER TABLE objects_access_line ADD COLUMN delivery TEXT NOT NULL DEFAULT ''",
        ),
    ),
)
