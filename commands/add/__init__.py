"""add: bring photos into data/subjects and name their subjects in params.yaml.

Its sources: a folder of one's own photos (`folder`), and the Yo'LLaVA and MyVLM datasets as published
(`yollava`, `myvlm`; what these share is in `published`). Each is all or nothing: what is refused or killed
leaves no visible file, and params.yaml is replaced last. Stands beside the pipeline: no stage of dvc.yaml
runs it. What photos and questions must be like is check's to say.
"""
