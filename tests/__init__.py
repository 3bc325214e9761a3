"""Tests, and the tiny models they share (`tests.tiny`)."""
