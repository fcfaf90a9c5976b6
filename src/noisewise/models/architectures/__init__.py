"""Networks of the literature, one small file each."""
