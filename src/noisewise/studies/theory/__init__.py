"""Studies that compare theory with measurements."""
