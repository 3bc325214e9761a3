"""Strangers' pictures: what a corpus says of them, how they are fetched, and which are kept out."""
