"""Studies of robust early learning."""
