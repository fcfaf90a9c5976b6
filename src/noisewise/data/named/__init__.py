"""Data sets that have a name, and where they are found."""
