"""Data that are objects in memory."""
