"""What the base model says about each subject's training photos, with the identifier in place of a neutral
name.

Owns data/conversations/<id>.parquet: answers to ten attribute questions per photo, captions, a short and a
long description, and every answer that was dropped with the reason. Does not train and never sees a test
photo.
"""
