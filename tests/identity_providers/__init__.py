"""Tokens in the form of real identity providers, with the settings that the guide prints."""
