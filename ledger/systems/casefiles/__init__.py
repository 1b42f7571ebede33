"""案卷评查 Case-file review (2.9): case files are drawn, scored, corrected and reported on."""
