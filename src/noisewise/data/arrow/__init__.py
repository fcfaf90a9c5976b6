"""Data sets of the library `datasets` as Arrow tables with features; the library itself is not needed."""
