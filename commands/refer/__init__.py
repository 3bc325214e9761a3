"""Where a subject is in a photo, as MiniGPT-v2 says it: a box."""
