"""Makes the embedded base models from nothing: tokenizer, small CLIP, small LLaVA.

Run only on request (`make pretrain`); `dvc repro` never does. The order is tokenizer → vision → language →
joint → gates; each part leaves a checkpoint in .cache/pretrain and is skipped when that is there.
"""
