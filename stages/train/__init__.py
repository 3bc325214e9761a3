"""The product's own method: the soft prompt of every subject, learned on the frozen base.

How rows are learned stands in `common.training`.
"""
