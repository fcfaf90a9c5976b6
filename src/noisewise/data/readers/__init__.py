"""Readers for the files that people have, one format each."""
