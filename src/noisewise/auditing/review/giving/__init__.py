"""Giving the decided labels back in the form in which the data came."""
