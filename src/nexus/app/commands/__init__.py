"""Commands that need this machine: they found, start, stop, unseal, examine and save the platform of one data directory.

Each is a plain `click.Command`, listed in `nexus.app.cli.commands`; what it does is done elsewhere in `nexus.app`.
"""
