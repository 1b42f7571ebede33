"""Inboxes: every kind of item that waits for somebody, and the view that keeps them by tray."""
