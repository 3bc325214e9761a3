"""Tables of answers, which evaluate writes and report reads."""

import pyarrow as pa

from common.core.schema.table import FLAG, IMAGE, INTEGER, REAL, TEXT, table

RECOGNITION = table(
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

THRESHOLD_SET = table(
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

QUESTIONS = table(
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

OPEN_ANSWERS = table(
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

TWO_SUBJECTS = table(
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

GENERAL = table(
    "General questions about photos of nobody in particular, in the formats of POPE and MMBench.",
    method=(TEXT, "the method or control that was asked; base is the model with nobody in place"),
    subject=(TEXT, "the subject in place; null for base"),
    benchmark=(TEXT, "pope or mmbench"),
    file=(TEXT, "file name of the questions"),
    question_id=(TEXT, "the question's id in that file"),
    category=(TEXT, "POPE's setting, or MMBench's category"),
    photo=(TEXT, "key of the photo within the test; equal for questions about the same one"),
    order=(INTEGER, "by how many places the options were moved up; 0 for yes or no"),
    answer=(TEXT, "the generated answer"),
    parsed=(TEXT, "the answer read strictly: yes, no or a letter; null if it is none of those asked for"),
    read=(TEXT, "the answer as the published scripts read it; null if they cannot"),
    truth=(TEXT, "yes, no or a letter"),
)

VQA = table(
    "General questions in the formats of TextVQA, VQAv2, GQA, MME and ScienceQA.",
    method=(TEXT, "the method or control that was asked; base is the model with nobody in place"),
    subject=(TEXT, "the subject in place; null for base"),
    benchmark=(TEXT, "textvqa, vqav2, gqa, mme or scienceqa"),
    file=(TEXT, "file name of the questions; for mme the task"),
    question_id=(TEXT, "the question's id in that file"),
    category=(TEXT, "MME's task, VQAv2's type of answer, ScienceQA's subject"),
    photo=(TEXT, "key of the photo within the test; null for a question without one"),
    answer=(TEXT, "the generated answer"),
    truth=(TEXT, "what is right: a word, yes or no, a letter; of several people's answers the most frequent"),
    strict=(FLAG, "the answer is one of the right ones, but for case and a final period"),
    score=(REAL, "what the published scorer gives for it, 0 to 1"),
)

CAPTIONS = table(
    "Captions of the subject's test photos and of some of others'.",
    subject=(TEXT, "the subject taught"),
    photo=(TEXT, "file name of the photo"),
    owner=(TEXT, "the subject whose photo it is"),
    label=(FLAG, "the truth: does the photo show the subject taught?"),
    named=(FLAG, "whether the question names the subject"),
    method=(TEXT, "the method or control that was asked"),
    answer=(TEXT, "the caption"),
)

SAMPLE_CONVERSATIONS = table(
    "Sample chats for the report.",
    subject=(TEXT, "the subject talked about"),
    photo=(TEXT, "file name of the photo; null for a text chat"),
    turn=(INTEGER, "place in the chat, from 0"),
    question=(TEXT, "what was asked"),
    method=(TEXT, "the method or control that was asked"),
    answer=(TEXT, "the generated answer"),
)

OWN_QUESTIONS = table(
    "What a user wants to see answered; there is no right answer.",
    subject=(TEXT, "the subject asked about"),
    turn=(INTEGER, "place of the question in the user's file, from 0"),
    photo=(TEXT, "file name of the photo; null for a question without one"),
    image=(IMAGE, "the photo as JPEG, at most 112 pixels a side; null for a question without one"),
    question=(TEXT, "what was asked"),
    method=(TEXT, "the method or control that was asked"),
    answer=(TEXT, "the generated answer"),
)

TOKEN_EXPLANATIONS = table(
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

METHODS = table(
    "What was asked, by name, and what each subject costs under it.",
    method=(TEXT, "name of a method or control"),
    title=(TEXT, "how tables call it"),
    subject=(TEXT, "the subject"),
    trainable=(pa.int64(), "values that are learned for the subject"),
    stored_bytes=(pa.int64(), "size of the subject's files, without the frozen models"),
    prompt_tokens=(INTEGER, "positions that a question about a photo becomes longer by"),
)

TEST_PHOTOS = table(
    "The photos of the test, small: what the report shows, so that it need not open truth folders.",
    owner=(TEXT, "the subject whose photo, or whose lookalike's photo, it is"),
    group=(TEXT, "test, lookalike-marking, lookalike-one or lookalike-two"),
    photo=(TEXT, "file name of the photo"),
    photo_sha256=(TEXT, "SHA-256 of that file"),
    image=(IMAGE, "the photo as JPEG, at most 112 pixels a side"),
)
