"""SCIM 2.0 (RFC 7643, RFC 7644): the door through which a hospital's own directory brings people in and takes them out.

A translation and nothing more: each call becomes one or more operations `iam.directory.*`, performed by the same
dispatcher as every other operation, under the same authentication, gate and log. What SCIM can say and those operations
cannot do is refused, never ignored, but for attributes that describe people (titles, telephone numbers) and are not kept.
"""
