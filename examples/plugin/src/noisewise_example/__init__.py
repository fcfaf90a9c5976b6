"""A method, a corruption and a detector for noisewise."""
