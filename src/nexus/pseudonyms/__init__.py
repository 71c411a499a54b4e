"""Pseudonyms: who a patient is in one domain, and nobody's way back to whom.

Promises
  1. Irreversible: without both secrets a pseudonym says nothing about an identity, also to who knows every identity.
  2. One identity, one pseudonym, in one domain and epoch; no two identities share one: a ledger refuses it (`ledger`).
  3. Two levels with independent secrets, the first of which never leaves the key service. Who holds the first sees identities and no domain; who holds the second sees
     domains and no identity.
  4. No two domains can be joined by their pseudonyms. A renewal needs no identity.
  5. To say who somebody is takes both services; each records it before it answers. Who reads data has no way back.
  6. A pseudonym can be told from everything else in a file, and says where it belongs (`notation`, `scanning`).

Words
  identity    what a site knows a patient by, in its canonical form: a NIR, or traits at birth (`identity`)
  level       a service: the first sees identities (`first_level`), the second domains (`second_level`); a process each
  linkage     the first level's table of who stands behind each link, in its own database under its own key
  link        the first level: 32 bytes that stand for an identity; never leaves the two services
  pseudonym   the second level: what a domain sees
  domain      where pseudonyms are the same: a site, the warehouse, a project; never shared by two
  epoch       the number of the secret that a domain's pseudonyms were made with

For those who build data for projects
  `transferring.Transferring(second).to_domain(op, pseudonyms, domain)` -> list[str]: the pseudonyms of one domain in, those
  of the project's domain out, in order, in lists of any length. `second` is `wire.Remote` under the worker's certificate.

docs/formats/pseudonym.md has the format and its test vectors.
"""
