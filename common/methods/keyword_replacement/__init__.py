"""The frozen base, with the subject's name in the place of a keyword such as "dog": MyVLM's plain baseline.

Nothing is learned, and no individual is known: whatever the keyword names is called by the subject's name.
Asked about the subject, the base reads the keyword in the name's place; in what it answers, the first keyword
becomes the name, with the article before it. A photo shows the subject if the base's own description of it
holds a keyword.
"""
