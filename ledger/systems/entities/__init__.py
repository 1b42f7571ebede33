"""市场主体 Market entities: the businesses that are regulated, and what they are called."""
