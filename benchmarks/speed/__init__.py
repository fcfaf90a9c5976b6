"""How fast this library is beside something else, both computed in one run in turns."""
