"""市场主体 Market entities: the regulated businesses and their names and addresses."""
