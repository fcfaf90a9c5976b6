"""Methods at the gradient station."""
