"""From evidence to a probability of a wrong label per row, and to a noise rate with an interval."""
