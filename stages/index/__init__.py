"""index: a corpus of images becomes CLIP embeddings, an exact search index, and a table with the images.

Reads what `index.source` names: a Parquet file of URLs (downloaded by img2dataset), a folder, an existing
clip-retrieval index, or a running clip-retrieval service. Writes data/index/: metadata.parquet
(INDEX_METADATA), embeddings.npy (n, d) float32 unit vectors, image.index (faiss, exact inner product) and
card.json (what failed, by cause, and who judged what is unsafe). The folder appears whole or not at all; a
download that was stopped waits beside it, in data/.index.download/. No photo of a subject is read here.
"""
