"""Plain LoRA: low-rank changes of the language model's weights, learned from the subject's questions.

The subject's name stays plain text, ``<bo>``; no row and no prompt is added. As in "Can we add personalized
knowledge naively" (YAICON), which is LLaVA's own LoRA script on personal data. One adapter per subject, or
one for all; others' conversations in LLaVA's form may be learned beside a subject's, or alone. To answer,
the adapter is merged into the base, or, beside weights of few bits, added to it (QLoRA), and taken out.
Without a rank, all weights of the language model learn.
"""
