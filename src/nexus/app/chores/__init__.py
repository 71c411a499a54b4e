"""What the worker does without being asked, one module each: ship entries, publish checkpoints, sweep, rewrap.

Promise: each chore can be interrupted anywhere and goes on where it was; one that fails is tried again and does not hold
up the others.
"""
