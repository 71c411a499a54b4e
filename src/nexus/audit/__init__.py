"""The audit log: an append-only Merkle log that nobody can rewrite and anyone can check.

Promises
  1. An entry commits in the same transaction as the change that it tells of (`log.AuditLog`).
  2. Whoever alters, removes, reorders or rolls back entries is found out: by recomputation (`verification`), by the
     signed checkpoints (`checkpointer`), and by the witnesses that remember them (`witness`).
  3. A receipt proves one entry offline, with public keys only (`receipt`).
  4. Erasing a person makes their entries unreadable for good, and every proof still verifies (`reader`).

Words
  entry       one line: who, what, on what, for what purpose, from where, when, with what outcome
  payload     the entry as canonical JSON; sealed, readable only with the audit private key
  leaf        what stands in the Merkle tree for an entry: a salted commitment to its payload
  epoch key   the key that seals the entries of one person written by one run of one process
  head        size and root of the tree as committed in the database
  checkpoint  a head signed by the log and cosigned by witnesses (C2SP tlog-checkpoint)
  receipt     an inclusion proof with its checkpoint and the opened payload (C2SP tlog-proof)
"""
