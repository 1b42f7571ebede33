"""What helps to make the project and is not shipped with it."""
