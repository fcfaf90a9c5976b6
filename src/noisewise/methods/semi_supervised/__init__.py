"""Methods that treat suspect rows as unlabelled ones."""
