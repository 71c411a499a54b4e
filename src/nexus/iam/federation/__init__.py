"""Federation: people who sign in with an outside OpenID Connect issuer (a hospital's Keycloak, Pro Santé Connect).

Promises:
- an issuer speaks for nobody but those who linked themselves to it, from a session of ours with a fresh factor: never by a
  login, a name or an e-mail address that it claims;
- what it says is believed only if it is signed by its keys, with an algorithm that was named here, for us, for this browser,
  for this very sign-in, now;
- a sign-in that is not, by what the issuer says of it, worth two factors opens no session;
- its claims give roles of data work only, within a site or a project, for days, where the configuration says so.

Its words: an *outside issuer* is an OpenID provider that the installation's configuration names; a *link* says which of its
subjects is which person here; a *transaction* is one sign-in on its way through the browser.
"""
