"""What can be wrong in this dataset. Owns the causes and their order, not the sentences."""

from commands.add.published.findings import DUPLICATES, LEFT_OUT, NEAR, OF_TWO, UNREADABLE

IN_BOTH = "Photos in train and test"
CAUSES = {  # cause → what was done about it
    UNREADABLE: "left out",
    DUPLICATES: "each kept once",
    IN_BOTH: "kept in the test while five others remain to learn from, else kept in train",
    OF_TWO: "left out of the second",
    NEAR: "kept, for they are two photos",
    "Questions without their photo or subject": "left out",
    "Malformed questions": "left out",
    "Doubtful answers": "kept as published",
    "Questions that do not name their subject": "kept as published",
    "Missing questions": "nothing to import",
    "Hard negatives": "files that are wrong are left out",
    LEFT_OUT: "not imported",
}
