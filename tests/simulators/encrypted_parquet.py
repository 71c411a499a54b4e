"""Parquet under keys that nobody here has: with a plain footer, Arrow ends the process that reads its rows."""

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe


class _Wrapping(pe.KmsClient):
    def wrap_key(self, key, name):
        return key.hex()

    def unwrap_key(self, key, name):
        return bytes.fromhex(key)


def encrypted(rows: pa.Table, column: str, *, plain_footer: bool) -> bytes:
    """A file whose `column` is encrypted, and its footer too unless it is plain."""
    factory = pe.CryptoFactory(lambda _: _Wrapping())
    how = pe.EncryptionConfiguration(
        footer_key="f", column_keys={"c": [column]}, plaintext_footer=plain_footer, double_wrapping=False
    )
    properties = factory.file_encryption_properties(pe.KmsConnectionConfig(), how)
    sink = io.BytesIO()
    with pq.ParquetWriter(sink, rows.schema, encryption_properties=properties) as writer:
        writer.write_table(rows)
    return sink.getvalue()
