"""Tests of `app/server`."""
