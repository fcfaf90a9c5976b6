"""Methods at the weight station: which rows count, and how much."""
