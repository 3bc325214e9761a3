"""Learn one subject's soft prompt on the frozen base.

Owns models/subjects/<id>/ and reports/train/<id>.csv. Reads the subject's dataset and the base, nothing else;
makes no pictures of its own (assemble does) and judges nothing but the held-in validation rows.
"""
