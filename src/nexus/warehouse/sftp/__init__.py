"""The SFTP door: providers deliver into their own ingress buckets, and do nothing else.

Promises
  1. Whoever enters proves a key that was made of an access key of hers (`keys`): it ends when that is revoked, ends or is suspended,
     also in the middle of an upload.
  2. Every file is authorised and recorded as over S3: the same gate, the same actions, the same store.
  3. What is there: the buckets that she may deliver into, and the names in them. Nothing is read back, renamed, removed or
     linked; there is no shell, no command and no forwarding.
  4. A file is a version of an object once it was closed by its client. Whatever ends before leaves nothing.
  5. Nothing is written to the disk in clear: bytes go into the sealed object as they come, in order.

docs/how-to/deliver-over-sftp.md says how it is used.
"""
