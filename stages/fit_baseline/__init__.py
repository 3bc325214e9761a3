"""Fit a method that soft prompts are compared with to all subjects (models/methods/<method>/)."""
