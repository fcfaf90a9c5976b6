"""An outsider's attack on the command line and the Python API, case by case, each with what was promised."""
