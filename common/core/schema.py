"""The Arrow schema of every Parquet table: column names, types, and one sentence about each.

Images are `{bytes, path}` structs, and each schema carries the small header by which Hugging Face `datasets`
decodes them as images. Owns shapes only; who writes which table stands in dvc.yaml.
"""

import json

import pyarrow as pa

IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
TEXT, INTEGER, REAL, FLAG = pa.string(), pa.int32(), pa.float32(), pa.bool_()


def _schema(about: str, **columns: tuple[pa.DataType, str]) -> pa.Schema:
    features = {
        name: {"_type": "Image"} if kind == IMAGE else {"dtype": _dtype(kind), "_type": "Value"}
        for name, (kind, _) in columns.items()
    }
    return pa.schema(
        [pa.field(name, kind, metadata={"description": text}) for name, (kind, text) in columns.items()],
        metadata={"description": about, "huggingface": json.dumps({"info": {"features": features}})},
    )


def _dtype(kind: pa.DataType) -> str:
    return "float32" if kind == REAL else str(kind)


INDEX_METADATA = _schema(
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

NEGATIVES = _schema(
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

CONVERSATIONS = _schema(
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

PRIOR_KNOWLEDGE = _schema(
    "What the unchanged base says of each subject's name, without photo and definition, before training.",
    subject=(TEXT, "the subject"),
    invented=(FLAG, "whether the name is one that nobody bears: the control"),
    name=(TEXT, "the name asked about"),
    question=(TEXT, "what was asked"),
    answer=(TEXT, "the generated answer"),
    parsed=(TEXT, "yes or no; null if the answer is neither, or neither was asked for"),
    p_yes=(REAL, "probability of Yes against No; null where neither was asked for"),
)

DATASET = _schema(
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

RECOGNITION = _schema(
    "Every test photo shown to every subject and control: is this the subject?",
    subject=(TEXT, "the subject asked about"),
    photo=(TEXT, "file name of the photo"),
    photo_sha256=(TEXT, "SHA-256 of that file"),
    group=(TEXT, "test, lookalike-marking, lookalike-one or lookalike-two"),
    owner=(TEXT, "the subject whose photo, or whose lookalike's photo, it is"),
    label=(FLAG, "the truth: does the photo show the subject asked about?"),
    method=(TEXT, "the method or control that was asked (see METHODS)"),
    answer=(TEXT, "the generated answer"),
    parsed=(TEXT, "yes or no; null if the answer is neither, which counts as wrong"),
    p_yes=(REAL, "probability of Yes against No; null for a method that has none"),
)

THRESHOLD_SET = _schema(
    "Photos that training has seen, asked about as in RECOGNITION: what a threshold is chosen on.",
    subject=(TEXT, "the subject asked about"),
    role=(TEXT, "positive, hard or easy: what the photo is in the subject's dataset"),
    image_sha256=(TEXT, "SHA-256 of the image bytes"),
    label=(FLAG, "the truth: does the photo show the subject asked about?"),
    method=(TEXT, "the method that was asked; controls are not"),
    answer=(TEXT, "the generated answer"),
    parsed=(TEXT, "yes or no; null if the answer is neither"),
    p_yes=(REAL, "probability of Yes against No; null for a method that has none"),
)

QUESTIONS = _schema(
    "Two-choice questions about the subjects, each asked in both orders.",
    subject=(TEXT, "the subject asked about"),
    kind=(TEXT, "visual or text"),
    photo=(TEXT, "file name of the photo; null for text questions"),
    question=(TEXT, "the question without its options"),
    order=(INTEGER, "0 as written, 1 with the options exchanged"),
    method=(TEXT, "the method or control that was asked; blind is the soft prompt without the photo"),
    answer=(TEXT, "the generated answer"),
    parsed=(TEXT, "A or B; null if the answer is neither, which counts as wrong"),
    truth=(TEXT, "A or B"),
    correct=(FLAG, "parsed equals truth"),
)

OPEN_ANSWERS = _schema(
    "The same questions without their options, answered freely.",
    subject=(TEXT, "the subject asked about"),
    kind=(TEXT, "visual or text"),
    photo=(TEXT, "file name of the photo; null for text questions"),
    question=(TEXT, "what was asked"),
    method=(TEXT, "the method or control that was asked; blind is the soft prompt without the photo"),
    answer=(TEXT, "the generated answer"),
    truth=(TEXT, "the right option"),
    correct=(FLAG, "the answer holds the right option and none of the wrong ones"),
    named=(FLAG, "the answer holds the subject's name"),
)

TWO_SUBJECTS = _schema(
    "Photos of two subjects: who is there, and who stands on which side.",
    subject=(TEXT, "the subject asked about; for a side, who stands there"),
    photo=(TEXT, "file name of the photo"),
    left=(TEXT, "the subject on the left"),
    right=(TEXT, "the subject on the right"),
    kind=(TEXT, "presence (yes or no, one subject taught) or side (A or B, both taught)"),
    role=(TEXT, "left, right or absent: what is true of the subject"),
    order=(INTEGER, "of a side's options: 0 as they stand, 1 exchanged; 0 for presence"),
    method=(TEXT, "the method or control that was asked"),
    answer=(TEXT, "the generated answer"),
    parsed=(TEXT, "yes, no, A or B; null if the answer is none of those asked for, which counts as wrong"),
    truth=(TEXT, "yes, no, A or B"),
    correct=(FLAG, "parsed equals truth"),
    p_first=(REAL, "probability of Yes against No, or of A against B; null for a method that has none"),
)

GENERAL = _schema(
    "General questions about photos of nobody in particular, in the formats of POPE and MMBench.",
    method=(TEXT, "the method or control that was asked; base is the model with nobody in place"),
    subject=(TEXT, "the subject in place; null for base"),
    benchmark=(TEXT, "pope or mmbench"),
    file=(TEXT, "file name of the questions"),
    question_id=(TEXT, "the question's id in that file"),
    category=(TEXT, "POPE's setting, or MMBench's category"),
    photo=(INTEGER, "number of the photo within the test; equal for questions about the same one"),
    order=(INTEGER, "by how many places the options were moved up; 0 for yes or no"),
    answer=(TEXT, "the generated answer"),
    parsed=(TEXT, "the answer read strictly: yes, no or a letter; null if it is none of those asked for"),
    read=(TEXT, "the answer as the published scripts read it; null if they cannot"),
    truth=(TEXT, "yes, no or a letter"),
)

VQA = _schema(
    "General questions in the formats of TextVQA, VQAv2, GQA, MME and ScienceQA.",
    method=(TEXT, "the method or control that was asked; base is the model with nobody in place"),
    subject=(TEXT, "the subject in place; null for base"),
    benchmark=(TEXT, "textvqa, vqav2, gqa, mme or scienceqa"),
    file=(TEXT, "file name of the questions; for mme the task"),
    question_id=(TEXT, "the question's id in that file"),
    category=(TEXT, "MME's task, VQAv2's type of answer, ScienceQA's subject"),
    photo=(INTEGER, "number of the photo within the test; null for a question without one"),
    answer=(TEXT, "the generated answer"),
    truth=(TEXT, "what is right: a word, yes or no, a letter; of several people's answers the most frequent"),
    strict=(FLAG, "the answer is one of the right ones, but for case and a final period"),
    score=(REAL, "what the published scorer gives for it, 0 to 1"),
)

CAPTIONS = _schema(
    "Captions of the subject's test photos and of some of others'.",
    subject=(TEXT, "the subject taught"),
    photo=(TEXT, "file name of the photo"),
    owner=(TEXT, "the subject whose photo it is"),
    label=(FLAG, "the truth: does the photo show the subject taught?"),
    named=(FLAG, "whether the question names the subject"),
    method=(TEXT, "the method or control that was asked"),
    answer=(TEXT, "the caption"),
)

SAMPLE_CONVERSATIONS = _schema(
    "Sample chats for the report.",
    subject=(TEXT, "the subject talked about"),
    photo=(TEXT, "file name of the photo; null for a text chat"),
    turn=(INTEGER, "place in the chat, from 0"),
    question=(TEXT, "what was asked"),
    method=(TEXT, "the method or control that was asked"),
    answer=(TEXT, "the generated answer"),
)

OWN_QUESTIONS = _schema(
    "What a user wants to see answered; there is no right answer.",
    subject=(TEXT, "the subject asked about"),
    turn=(INTEGER, "place of the question in the user's file, from 0"),
    photo=(TEXT, "file name of the photo; null for a question without one"),
    image=(IMAGE, "the photo as JPEG, at most 112 pixels a side; null for a question without one"),
    question=(TEXT, "what was asked"),
    method=(TEXT, "the method or control that was asked"),
    answer=(TEXT, "the generated answer"),
)

TOKEN_EXPLANATIONS = _schema(
    "Every latent token of a soft prompt, explained by the model.",
    subject=(TEXT, "the subject whose soft prompt it is"),
    place=(TEXT, "alone, in_prompt (behind the whole soft prompt), or untrained (an untrained row instead)"),
    token=(INTEGER, "number of the latent token, from 0"),
    question=(TEXT, "what was asked"),
    answer=(TEXT, "the explanation, as generated"),
    predicts=(
        REAL,
        "share of the subject's text questions that it answers, undecided .5; null for none",
    ),
    predicts_others=(REAL, "the same of the other subjects' questions: the control"),
)

METHODS = _schema(
    "What was asked, by name, and what each subject costs under it.",
    method=(TEXT, "name of a method or control"),
    title=(TEXT, "how tables call it"),
    subject=(TEXT, "the subject"),
    trainable=(pa.int64(), "values that are learned for the subject"),
    stored_bytes=(pa.int64(), "size of the subject's files, without the frozen models"),
    prompt_tokens=(INTEGER, "positions that a question about a photo becomes longer by"),
)

TEST_PHOTOS = _schema(
    "The photos of the test, small: what the report shows, so that it need not open truth folders.",
    owner=(TEXT, "the subject whose photo, or whose lookalike's photo, it is"),
    group=(TEXT, "test, lookalike-marking, lookalike-one or lookalike-two"),
    photo=(TEXT, "file name of the photo"),
    photo_sha256=(TEXT, "SHA-256 of that file"),
    image=(IMAGE, "the photo as JPEG, at most 112 pixels a side"),
)
