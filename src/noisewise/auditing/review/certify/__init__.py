"""A noise rate certified by a person: a random sample with known probabilities, and what its decisions prove."""
