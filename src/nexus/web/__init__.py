"""The REST door: from an HTTP request to one operation and back; in `browser/` what the doors for browsers share.

Promises: one path for every operation (`dispatch.py`); nobody passes without `Authenticator` and `Gate`; whatever is
refused or fails leaves exactly one audit entry and one `application/problem+json` answer; the routes, the OpenAPI
document and the command line come from the same `OperationSpec` tables.

Words: a *call* is an HTTP request reduced to what an operation needs; an *answer* is what goes back; a *problem* is an
error in the form of RFC 9457.
"""
