"""The product's own method and its controls: what stands where the soft prompt goes.

Learned rows, a sentence, or nothing: that is all by which they differ, and one code path asks them all. No
section of params.yaml names it, so it has no settings: `stages.train` learns it.
"""
