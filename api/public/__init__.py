"""Pages and tables for everybody: what the law makes public, read without a token or a script."""
