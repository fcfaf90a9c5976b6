"""Images that are read from files, or from bytes in a table, when they are needed."""
