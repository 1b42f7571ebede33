"""The views of each system."""
