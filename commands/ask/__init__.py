"""Put a file or a folder of questions to any method, and keep the answers as they come.

    command      the command line
    questions    what is asked: LLaVA's question file, tables of one's own, folders, MyVLM's inference JSON
    answers      where answers go, and which are there already
    batch        the order of work
    vllm         the same questions put to a vLLM that serves the base model

A rerun goes on where the last run ended. A row that cannot be asked is named and costs no other its answer.
"""
