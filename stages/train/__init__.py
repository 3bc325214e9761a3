"""The product's own method: the soft prompt of every subject, learned on the frozen base.

Owns models/subjects/<id>/ and reports/train/<id>.csv. Reads the subjects' datasets and the base and nothing
else; how rows are learned belongs to `common.training`.
"""
