"""Who may do what: persons and machines, their factors and sessions, their rights, and the second pair of eyes.

Promises:
- every person proves two factors, or a passkey that is both; no answer, and no time to answer, tells whether a login exists;
- every right has a scope and an end date, and is the work of two people: whoever creates an identity cannot give it rights;
- `gate.Gate.check` is the one place where a request of any door is allowed; whatever is not permitted is denied;
- no set of roles lets one person complete a sensitive operation: `tests/security/test_four_eyes_proof.py`;
- a change of rights is obeyed by every process from the next decision on.

Its words: an *identity* is a person or a machine; a *grant* gives an identity a *role* within a *scope* for a time; an
*action* is what a role allows; an *intent* is a sensitive operation that waits for its *approvals*. A person who is
*eligible* for a role *elevates* it for a while; a *review* looks at everything once a year; a *directory* is a machine that
brings people in and takes them out; what ends with a person stands in one list (`leaving`).
"""
