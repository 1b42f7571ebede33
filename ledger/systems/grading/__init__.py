"""信用分级 Grading (2.4d): the credit grade of a business and the factors that it rests on."""
