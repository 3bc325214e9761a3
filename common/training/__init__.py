"""Learning soft prompts on the frozen base, of one subject or of several side by side.

Serves `stages.train` and the variants that it is compared with (`common.methods`). Owns the start of the
rows, the steps and the choice of the epoch; reads and writes no file, makes no pictures (assemble does) and
judges nothing but the held-in validation rows.
"""
