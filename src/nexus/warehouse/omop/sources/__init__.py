"""The sources: one file each, holding its tables, and a function for each mapping. `docs/how-to/add-a-source.md` says how."""
