"""The cases, a file per kind of attack; each has a function `cases`."""
