"""The OpenID Connect issuer of the platform: other tools sign their people in with it.

Promises:
- only registered clients, only the code flow with PKCE (S256), only redirect addresses that match character by character;
- codes and tokens are opaque, stored as hashes, and end with the sign-in that they came from: at once;
- a code or a refresh token that turns up twice ends everything that was ever issued from it;
- ID tokens are signed inside the key service, ES256 and nothing else; what we verify is verified with named algorithms;
- every issuance and every refusal is an audit entry, in the commit of the change.

The grants are those of Authlib, run synchronously inside one transaction of our database (`server.py`, `grants.py`).

Its words: a *client* is a tool that signs people in; an *authorization* is what one sign-in at one client may do, the
family that all its tokens belong to; a *visitor* is who is signed in in the browser.
"""
