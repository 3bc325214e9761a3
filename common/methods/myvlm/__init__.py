"""MyVLM (Alaluf et al., ECCV 2024): a head tells whether a concept is there, a vector then tells who it is.

The model stays frozen and gets no new token. A concept head outside it looks at the photo; if it fires, one
learned vector is appended to the photo's image tokens, and the model, asked with an ordinary word for the
subject, answers with it in view. If no head fires, the answer is that of the base, number for number, to the
question as it stands.

Recognition is the head's decision; the language model is not asked. Without a photo there is nothing for a
head to fire at and nothing to append to, so the base answers, which has never heard of the subject: this
blind spot is the published method's and not a gap here. Several subjects in one photo have their vectors
appended one after another.

Published captions are people's and name the concept. Ours are the base's: where one says "a red dog" of the
subject, the name takes that place, and of a base that mistakes the subject, as the small one for photographs
does with household things, the caption learned is what it takes it for (`training_pairs.captions`).

With a `captioner`, BLIP-2 takes the base's place, and the vector stands before its Q-Former. It captions
unasked, so that whether it says the name is up to the vector alone; else it is asked as its authors ask it.
Referring expressions are a question to a base of MiniGPT-v2's family (`commands.refer`).

Written from the paper and from facts about the published code; params.yaml says where these differ.
"""
