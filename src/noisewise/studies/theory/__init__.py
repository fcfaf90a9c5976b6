"""Studies that hold theory against measurements."""
