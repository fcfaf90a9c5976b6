"""Methods that learn from trusted rows."""
