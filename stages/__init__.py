"""The stages of dvc.yaml, one package each.

A stage never imports another: they meet only through the files named in dvc.yaml. What they share is in
`common`, what people run by hand in `commands`.
"""
