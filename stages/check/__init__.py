"""check: find mistakes in params.yaml and in the subjects' photos before any stage deletes an output.

Reads params.yaml and data/subjects. Writes data/checked.txt, whose content never changes: render depends on
it, and everything else on render, so DVC runs check first, yet a passed check reruns nothing.
"""
