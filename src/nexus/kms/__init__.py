"""The key service: it holds every key of the platform and lets none of them out.

Promises:

- A key is created only with an owner, a purpose and a rotation period, and the inventory shows all three.
- A key never leaves its provider (an HSM, or the sealed keystore) in clear; only keys created as exportable can
  leave at all, wrapped for a named recipient, and only under an approval.
- What is wrapped opens only under the same context; anything else is `Damaged`, never bytes.
- Sealed means sealed: no key is in memory, and every call but `status` and `unseal` is refused.
- A destroyed key does not come back with a restored backup.
- Every change, and every data key that is opened, is an entry in the same transaction.

Words: a *key* has an owner, a purpose, a class and *versions*; the newest version seals, every version opens. A *data
key* is a key of somebody else (of a bucket, a database) that this service wraps. The *provider* is where versions
live. The *seal* is the file that holds the provider's secret under a passphrase or under custodians' shares.

Start reading at `model.py`, then `ports.py` (the provider), `lifecycle.py`, `datakeys.py`. Formats:
docs/formats/key-service.md and docs/formats/keystore.md.
"""
