"""retrieve: for every subject, images that look like it but are not (hard) and random ones (easy).

Reads the subjects' photos and data/index/ (or the service that its card names). Writes
data/negatives/<id>.parquet (NEGATIVES), a file per subject that depends on this subject, the index and the
parameters alone, and card.json (how many there are, what was left out, data safety). A subject's photos never
leave the machine: a service receives embeddings, and other servers are only asked for their own images.
"""
