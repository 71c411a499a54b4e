"""All SQL of the object store. Functions take the caller's transaction, and none of them decides anything."""
