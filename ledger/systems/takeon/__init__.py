"""启用日 Take-on day (期初, 2.18): two people enter the open facts of an older system, once."""
