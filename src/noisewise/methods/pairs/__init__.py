"""Methods of two networks that teach each other within a step."""
