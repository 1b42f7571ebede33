"""What draws need of the views, and draws as files."""
