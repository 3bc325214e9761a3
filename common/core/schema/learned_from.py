"""Tables that training is made of, from the corpus to each subject's training set."""

from common.core.schema.table import FLAG, IMAGE, INTEGER, REAL, TEXT, table

INDEX_METADATA = table(
    "The indexed corpus; row i belongs to row i of embeddings.npy and of image.index.",
    key=(TEXT, "identifier of the image within the corpus; the sort key"),
    url=(TEXT, "address the image was downloaded from, or its file name"),
    caption=(TEXT, "caption that came with the URL, null if none"),
    license=(TEXT, "license by the corpus's own account, null if it names none"),
    listed_hash=(TEXT, "hash by which the corpus lists the entry (Re-LAION: of URL and text), null if none"),
    punsafe=(REAL, "chance that it is unsafe for work, by the corpus or a detector; null if nobody judged"),
    sha256=(TEXT, "SHA-256 of the image bytes as kept"),
    original_sha256=(TEXT, "SHA-256 of the file as it was downloaded"),
    width=(INTEGER, "pixels"),
    height=(INTEGER, "pixels"),
    image=(IMAGE, "the image as kept, scaled to the configured size"),
)

NEGATIVES = table(
    "Images that look like the subject but are not, and images that have nothing to do with it.",
    role=(TEXT, "hard (a neighbor of a train photo) or easy (drawn at random)"),
    rank=(INTEGER, "place within the role, from 0; by falling score for hard ones"),
    score=(REAL, "cosine similarity of CLIP image embeddings to the nearest train photo"),
    query=(TEXT, "file name of that train photo; null for easy ones"),
    key=(TEXT, "identifier within the index"),
    url=(TEXT, "where the corpus got it"),
    caption=(TEXT, "caption in the corpus, null if none"),
    license=(TEXT, "license by the corpus's own account, null if it names none"),
    listed_hash=(TEXT, "hash by which the corpus lists the entry, null if none"),
    punsafe=(REAL, "chance that it is unsafe for work, by the corpus or a detector; null if nobody judged"),
    sha256=(TEXT, "SHA-256 of the image bytes as kept"),
    original_sha256=(TEXT, "SHA-256 of the file as it was downloaded"),
    image=(IMAGE, "the image"),
)

CONVERSATIONS = table(
    "What the base model, and perhaps a human, says about the subject, with its identifier put in.",
    kind=(TEXT, "qa, caption, description_short, _long, _human (if a human wrote one), or dropped"),
    photo=(TEXT, "file name of the train photo; null for descriptions made from all of them"),
    photo_sha256=(TEXT, "SHA-256 of that file"),
    question=(TEXT, "what was asked"),
    answer=(TEXT, "the answer as used, with the identifier"),
    raw_answer=(TEXT, "the model's own words"),
    reason=(TEXT, "why it was dropped; null if kept"),
    turn=(INTEGER, "place of the question within the photo, from 0"),
)

PRIOR_KNOWLEDGE = table(
    "What the unchanged base says of each subject's name, without photo and definition, before training.",
    subject=(TEXT, "the subject"),
    invented=(FLAG, "whether the name is one that nobody bears: the control"),
    name=(TEXT, "the name asked about"),
    question=(TEXT, "what was asked"),
    answer=(TEXT, "the generated answer"),
    parsed=(TEXT, "yes or no; null if the answer is neither, or neither was asked for"),
    p_yes=(REAL, "probability of Yes against No; null where neither was asked for"),
)

DATASET = table(
    "One subject's training set.",
    sample=(INTEGER, "row number; the sort key"),
    task=(TEXT, "recognition or conversation"),
    role=(TEXT, "positive, hard, easy, or text (no image)"),
    split=(TEXT, "train or validation"),
    image=(IMAGE, "the image; null for text"),
    image_sha256=(TEXT, "SHA-256 of these image bytes; null for text"),
    label=(TEXT, "yes or no for recognition, null otherwise"),
    question=(TEXT, "what is asked, with the identifier"),
    answer=(TEXT, "what the model should answer"),
    template=(INTEGER, "number of the recognition template; null for conversations"),
    source=(TEXT, "file or URL that the image was made from; for text, the photo asked about"),
    source_sha256=(TEXT, "SHA-256 of that file, for a negative as the corpus's index keeps it"),
    source_license=(
        TEXT,
        "license of a negative by its corpus's account, null if it names none",
    ),
    score=(REAL, "similarity of a retrieved negative to its query; null otherwise"),
    augment=(TEXT, "what was done to the image: none, or the changes drawn; null for text"),
)
