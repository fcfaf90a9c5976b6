"""Readers of common file formats, one per file."""
