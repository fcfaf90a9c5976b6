"""What is measured of rows by themselves: neighbours, visual features, conditions such as duplicates."""
