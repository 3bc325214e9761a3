"""Talk with trained subjects in a terminal.

Owns the conversation on the screen; writes no file and trains nothing. What is said, and which earlier turns
stay in view, is `common.assistant`'s business.
"""
