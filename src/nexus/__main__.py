"""`python -m nexus` is the command `nexus`."""

from nexus.app.cli.main import main

main()
