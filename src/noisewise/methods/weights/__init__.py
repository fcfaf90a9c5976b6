"""Methods that weigh rows, at the weight station."""
