"""The pages, a file for each subject. `pages/table.py` lists them in the order of the menu."""
