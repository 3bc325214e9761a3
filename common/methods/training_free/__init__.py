"""Nothing is trained: CLIP embeddings of reference photos recognize the subject, a sentence tells the rest.

As retrieval-augmented systems do (RAP, R2P): a photo shows the subject if it is close enough to one of the
reference photos; other questions are put to the base model, with the description that it wrote itself before
them. What a subject costs is one pass of its photos through CLIP.
"""
