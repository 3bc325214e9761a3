"""MiniGPT-v2 from its published parts: a folder that base.vlm.model may name."""
