"""FHIR (R4 and R5): the door through which other software of a hospital reads and writes patients' decisions.

A translation and nothing more: each interaction becomes one or more operations `consent.*` or `audit.*`, performed by the
same dispatcher as every other operation, under the same authentication, gate, purposes and log.

Promise: what is accepted is enforced. A `Consent` is read element by element against a closed table (`elements.py`); an
element that is not in it, or a value that the rules cannot decide on, refuses the whole resource and names the element.

Words: a *directive* is what a Consent says, independent of a FHIR version; a *release* is R4 or R5.
"""
