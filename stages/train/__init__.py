"""Learn soft prompts on the frozen base, of one subject or of several side by side.

Owns models/subjects/<id>/ and reports/train/<id>.csv. Reads the subjects' datasets and the base and nothing
else; makes no pictures of its own (assemble does) and judges nothing but the held-in validation rows.
"""
