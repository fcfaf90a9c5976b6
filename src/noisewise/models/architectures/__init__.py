"""The literature's networks, one small file each."""
