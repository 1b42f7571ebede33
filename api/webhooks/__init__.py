"""Webhooks: the events of subscriptions, sent to addresses of the subscribers."""
