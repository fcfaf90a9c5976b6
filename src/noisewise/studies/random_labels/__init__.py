"""Studies of networks that fit random labels."""
