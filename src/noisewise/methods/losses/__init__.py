"""Methods at the loss station."""
