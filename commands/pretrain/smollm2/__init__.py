"""Makes the base of the preset photographs-smollm2: SmolLM2 as published, and what is changed of it here.

All but the command itself is of the pretraining that made the changes, `commands/pretrain/photographs`.
"""
