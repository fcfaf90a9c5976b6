"""Evidence on the labels of a data set: networks and classifiers that are cross-fitted."""
