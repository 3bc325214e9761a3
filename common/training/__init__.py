"""Learning soft prompts on the frozen base, of one subject or of several side by side.

Serves `stages.train` and the variants that it is compared with (`common.methods`). Of files it knows datasets
and checkpoints alone; the learned rows are written by the callers.
"""
