"""Settings: what is accepted, and that wrong ones are reported all at once."""
