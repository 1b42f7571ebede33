"""The process: its threads, pools, clock, log lines and connections."""
