"""Mail: what leaves the platform for a person's own mailbox, and never gets lost or says too much on the way.

A *message* is posted in the transaction of what it tells of, sealed at once to a key that the doors cannot open, and
waits in the *outbox*. The worker, which alone can open it, hands it to a *carrier*: a mail server over TLS, or a folder on a
machine where people only develop. A message leaves at least once: if the worker dies between the server's answer and its
own commit, the message goes again under the same Message-ID. It does not wait for ever: what a server refuses for good,
or does not take for days, is *given up*, and that is an alarm.

Addresses are personal data, like what stands in a message: both are sealed at rest, and in no log, entry or error.
"""
