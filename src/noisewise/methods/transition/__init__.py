"""Methods with a transition matrix of label confusions, and the ways to estimate it."""
