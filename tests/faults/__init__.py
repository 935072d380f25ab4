"""What breaks around a server, or is done to it, and what becomes of acknowledged changes."""
