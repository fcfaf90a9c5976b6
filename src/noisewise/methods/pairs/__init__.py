"""Methods that train two networks together, which select rows for each other within a step."""
