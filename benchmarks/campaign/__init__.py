"""Many small trainings in pieces of a few minutes: the grid, the tuned baseline and the published runs."""
