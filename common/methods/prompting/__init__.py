"""Nothing is learned: words about the subject, or photos of it, stand in the prompt.

The paper's prompting baselines: a description, by a human or by the base model itself, and reference photos
in context ("`<bo>` is `<image>`."). The photo that is asked about comes first, as the embedded base was
trained to read it, so its prefix is computed once for all subjects and the reference photos belong to the
suffix. LLaVA-1.5 was trained on one image per conversation: with `references` it is asked something that it
never saw, which is what the number then tells.
"""
