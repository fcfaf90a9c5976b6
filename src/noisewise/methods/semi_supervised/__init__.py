"""Methods that drop the labels of suspect rows and use these rows as unlabelled data."""
