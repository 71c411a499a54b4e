"""What the operations take and return, a file for each subject.

In JSON an `Instant` is an RFC 3339 string and a `Secret` a string; what is marked «shown once» is never shown again.
"""
