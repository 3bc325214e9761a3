"""Stage render: draws the embedded world that the benchmark uses.

In data/world lie the subjects' photos, a captioned corpus with its URL list, and the truth (questions,
attributes, look-alikes, photos of two subjects, general questions), which evaluate alone may read. How to
draw and to speak stands in `common.world`.
"""
