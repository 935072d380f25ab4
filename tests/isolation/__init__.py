"""Tests of isolation: every operation tried by every kind of user, and a model of the whole API."""
