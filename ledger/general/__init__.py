"""The general part (总则): vocabulary and rules that several systems share."""
