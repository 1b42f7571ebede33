"""执法全过程记录 Full-process record (2.8): documents and recordings of each step of a case."""
