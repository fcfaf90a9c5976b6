"""A person's review: which rows to look at, exchange with other tools, decisions back into the data."""
