"""Where events lie."""
