"""双随机、一公开 Double-random draws (2.3); for now the results that are published."""
