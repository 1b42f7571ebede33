"""The clock and its watches, which find in the views the commands that are due."""
