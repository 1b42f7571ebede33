"""案卷评查 Case-file review (2.9): files drawn or all read, scored, put right, reported."""
