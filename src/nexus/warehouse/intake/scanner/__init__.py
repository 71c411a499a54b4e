"""The scanner: clear identifiers in columns that were not declared to hold any.

It is no proof of absence: docs/explanation/intake.md says what it finds, how often, and what it does not.

    numbers    NIR and telephone numbers
    contacts   e-mail, addresses, dates of birth in words
    names      names by list, by what stands before them, and by being those of the patient in the same row
    columns    what is decided of a column as a whole: a number alone proves little, a column of them much
    scanning   all of it, over batches of rows
"""
