"""Studies of learning to learn from noise."""
