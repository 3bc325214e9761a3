"""Every question, template and instruction that a model is given, each written once.

Training (assemble, synthesize, methods), the test (evaluate) and the embedded world (world, pretrain) take
their wordings from here, so that they cannot drift apart. Plain data: asks nothing and judges no answer. What
a user may edit, questions about photos and recognition templates, stands in prompts.yaml. The embedded
base was trained on these wordings: change one, and its answers need checking again.
"""
