"""Tests of the settings: valid values, and errors that are reported all at once."""
