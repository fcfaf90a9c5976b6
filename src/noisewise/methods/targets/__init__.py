"""Methods at the target station, and regularisers that remember early predictions."""
