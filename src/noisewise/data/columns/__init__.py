"""Columns of a table: what each one holds, and how it becomes numbers that models learn from."""
