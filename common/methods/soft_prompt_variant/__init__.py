"""Soft prompts as others place, start and train them, to be compared with `stages.train`'s.

Learned by the same code from the same data: with train's settings, a section learns train's rows to the byte.
What may differ: where the definition stands (the paper's figures have it in the system turn), whether latent
tokens get output rows (the published code trains them, though no answer ever contains one), where the rows
begin, how many photos are learned from, and whether captions are.
"""
