"""Widgets: they take plain data, post messages, and know neither the app nor the session."""
