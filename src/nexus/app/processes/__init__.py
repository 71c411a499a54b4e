"""The processes of one platform, one module each: `kms`, `s3`, `api`, `console`, `portal`, `bastion`, `worker`,
and, where `pseudonyms` is set, `pseudonyms-first` and `pseudonyms-second`;
and `warehouse`, for as long as it is built.

Promise: a process starts with nothing but its handoff, ends when the supervisor ends, and says in one line why if it
cannot start.
"""
