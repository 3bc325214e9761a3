"""The embedded world: made-up individuals, how they look and what can be said of them.

Shared by `render` (the benchmark) and `pretrain` (the base models), which draw different individuals from it.
Nothing after `render` may import it: its ground truth is for evaluation only.
"""
