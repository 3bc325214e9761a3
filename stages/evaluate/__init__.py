"""Ask the base model the evaluation questions, with the soft prompts and with the controls."""
