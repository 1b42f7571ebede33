"""The resources of each system."""
