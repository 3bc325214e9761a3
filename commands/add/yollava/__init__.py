"""The Yo'LLaVA dataset (forty subjects, NeurIPS 2024) in the layout in which it is published.

    {train,test}/SUBJECT/N.png                  photos
    train/SUBJECT/negative_example/HASH.png     hard negatives, which come as a ZIP of their own
    train/SUBJECT/negative_example/scores.json  their CLIP scores
    yollava-visual-qa.json                      questions about test photos
    *text*qa*.json                              questions about the subjects, published apart as well

Owns reading it, what is left out and the report about it. Assumed, since it is nowhere documented: the text
questions lie beside the visual ones; scores.json is a list of records, a mapping to them or one a line. Both
files of questions may say `option` or `options` and `sks` or `<sks>`, for their copies differ in that.
"""

from commands.add.yollava.dataset import read

__all__ = ["read"]
