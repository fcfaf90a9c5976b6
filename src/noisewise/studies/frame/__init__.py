"""The frame of studies: their definition, runs, claims and reports."""
