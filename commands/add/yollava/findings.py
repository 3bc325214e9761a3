"""What is wrong in the dataset, by cause. Owns the causes and their order, not the sentences."""

Findings = dict[str, list[str]]  # cause → one sentence per case
CAUSES = {  # cause → what was done about it
    "Unreadable files": "left out",
    "Duplicate photos": "each kept once",
    "Photos in train and test": "kept in the test while five others remain to learn from, else kept in train",
    "Photos of two subjects": "left out of the second",
    "Near duplicates across train and test": "kept, for they are two photos",
    "Questions without their photo or subject": "left out",
    "Malformed questions": "left out",
    "Doubtful answers": "kept as published",
    "Questions that do not name their subject": "kept as published",
    "Missing questions": "nothing to import",
    "Hard negatives": "files that are wrong are left out",
    "Subjects left out": "not imported",
}


def none_yet() -> Findings:
    """Every cause, without a case."""
    return {cause: [] for cause in CAUSES}
