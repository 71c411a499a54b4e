"""The actions of each service, a table a file. `actions.py` joins them."""
