"""启用日 Take-on day (期初, 2.18): what an older system holds is entered once, by two people."""
