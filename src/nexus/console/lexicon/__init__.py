"""The words of the services that have many, a file each: names of fields (`FIELDS`) and of values (`VALUES`)."""
