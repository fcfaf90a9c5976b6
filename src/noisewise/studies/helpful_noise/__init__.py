"""Studies of noise that helps."""
