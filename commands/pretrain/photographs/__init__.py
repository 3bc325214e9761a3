"""Pretraining of the base for photographs: parts that exist already, and what is learned on captions.

`tower` opens the EfficientNet of a locked package, `export` writes models/photographs.
"""
