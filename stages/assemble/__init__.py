"""One table per subject with everything that training reads.

Owns data/dataset/<id>.parquet: recognition positives made of the train photos, hard and easy negatives, and
text-only conversations, with labels, provenance and a held-in validation split. Neither retrieves nor asks a
model anything.
"""
