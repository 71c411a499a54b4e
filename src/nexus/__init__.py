"""Nexus: a sovereign health-data platform. Open ARCHITECTURE.md for the floors and the stories."""

__version__ = "0.1.0"
