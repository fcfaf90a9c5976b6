"""Studies of what noise does in the course of training."""
