"""What a section of params.yaml that puts words or photos into the prompt may hold."""

from common.methods.prompt_context import ContextSettings

SETTINGS = ContextSettings
