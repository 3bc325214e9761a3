"""One package per pipeline stage, plus `core` and `vlm`, which the stages share.

A stage package never imports another stage package: stages meet only through the files named in dvc.yaml.
"""
