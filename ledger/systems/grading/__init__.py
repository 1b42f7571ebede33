"""信用分级 Grading (2.4d): the credit grade of a business, and what it was computed from."""
