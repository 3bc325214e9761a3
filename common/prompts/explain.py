"""How the model is asked to explain a latent token (Yo'LLaVA, appendix K): plain data.

The small bases never learned the paper's wording, and answer "Yes" to it; the other one they know.
"""

from common.prompts.interview import DESCRIBE

EXPLAIN = {"explain": "Explain {name}.", "describe": DESCRIBE}
