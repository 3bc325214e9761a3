"""Tests, and the tiny models they share (`tests.support.tiny`)."""
