"""Inboxes: the kinds of items that wait for an answer, and the view that keeps them by tray."""
