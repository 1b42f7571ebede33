"""Preparation of draw commands from the views, and draws exported as files."""
