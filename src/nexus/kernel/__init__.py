"""The ground floor: errors, ids, clock, secrets, operations, database, outbox. A short, closed list.

Promise: nothing here knows a service, a door or a file format; everything above may rely on it.
"""
