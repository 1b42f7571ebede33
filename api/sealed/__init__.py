"""What needs the keys of sealed data: natural persons, files of evidence, the public door."""
