"""The S3 door: the Amazon S3 protocol over TLS, in front of the object store.

Promises: a request is authenticated and authorised once, before anything is dispatched; it leaves exactly one entry in
the audit log, whatever becomes of it; a payload is verified in full before it is committed; an error is one of S3's
codes and never a stack trace.

Its words: an *address* is where a request points (bucket, key); an *endpoint* is what it asks for (a verb on an
address); a *claim* is what a request says about who signed it; a *payload* is the body once its framing is removed.
"""
