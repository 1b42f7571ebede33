"""亮点经验 Experience: highlights of the monthly reports, and what is published for everybody."""
