"""A model behind an OpenAI-compatible server, told of the subject in words or by reference photos.

It has the place of GPT-4V in the paper's Table 5, and serves as well for any model that vLLM, llama.cpp or
another server offers at `/v1/chat/completions`. The photos of the test and of the subjects are sent there.
Answers are kept in `.cache/endpoint` by request (see `cache`), so a rerun asks nothing twice.
"""
