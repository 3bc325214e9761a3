"""Talk with a trained subject in a terminal.

Owns the conversation on the screen; writes no file and trains nothing. Every question stands alone, as in
training: the soft prompts of all whom it names are put before it, and earlier turns are not repeated to the
model.
"""
