"""Exchange with other systems: their formats read into the pipeline's files, and written from them.

One module per format. Not a stage of dvc.yaml: nothing in the pipeline depends on it.
"""
