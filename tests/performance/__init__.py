"""What does not vary is counted exactly: round trips, and rows that are read."""
