"""How a caption is asked for: by the subject's name, which gives it away, and without."""

NAMING = "Write a caption for this photo of {name}."
DESCRIBE = "Describe this photo."
NEUTRAL = (DESCRIBE, "What does this photo show?")
