"""Stage render: draws the embedded world that the benchmark uses.

Owns data/world: the subjects' photos, a captioned corpus with its URL list, and the truth (questions,
attributes, look-alikes, photos of two subjects, general questions) which evaluate alone may read. Does not
know how to draw or to speak (`common.world`).
"""
