"""Every operation of identity and authorisation, defined once, a file for each subject. `operations.py` joins them."""
