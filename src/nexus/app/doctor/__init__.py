"""`nexus doctor`: what is real here, what is emulated, what is degraded, what is broken, and how to mend each.

Promise: it measures and asks, it never assumes. What it cannot find out is `unknown`, never `real`.
Each check is one function in the module of what it looks at; `examination` runs them all.
"""
