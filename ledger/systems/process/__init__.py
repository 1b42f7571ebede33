"""执法全过程记录 Full-process record (2.8): what was written and filmed of each step of a case."""
