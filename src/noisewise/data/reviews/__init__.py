"""What people reviewed, kept with the data."""
