"""The general part (总则): what several systems share, and none of them owns."""
