"""Simulators of collaborators: small, honest implementations of our own ports. Never patches, never mocks."""
