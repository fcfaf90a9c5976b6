"""A person's review: which rows to look at first, exchange with other tools, and decisions applied to the data."""
