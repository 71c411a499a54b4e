"""What stands behind each port: the only place that knows. One module builds each process's
application, so that a process loads only what it serves.

Who handles which event, in one table:

| event                           | told by                     | handled by                                               |
|---------------------------------|-----------------------------|----------------------------------------------------------|
| sealed, lost                    | key service (lease)         | `KeyHold` wipes; `ObjectService` wipes its bucket keys    |
| unsealed                        | key service (lease)         | `KeyHold` gets the platform's keys back                  |
| key changed                     | key service (lease)         | `ObjectService` wipes that key's bucket keys             |
| entries of the key service      | outbox in kms.db            | `chores.shipping`: into the audit log                    |
| entries recorded                | head of the log             | `chores.publishing`: checkpoint, tiles, witnesses        |
| key rotated, rewrap asked for   | jobs of the key service     | `chores.rewrapping`: bucket keys, the platform's own keys |
| alarm raised                    | outbox of identity          | `chores.alarming`: into the journal, to the webhook      |
| decided, withdrawn              | outbox in nexus.db          | `chores.announcing`: to those whom `wiring/consent.py` names |
| rights changed                  | version of all rights       | `Gate`, `Authenticator`: ask it at each request          |
"""
