"""What trains where nobody names a method."""
