"""All SQL of identity and authorisation, by subject. Functions over a transaction: rows in, values out, no decisions."""
