"""The audit: gather evidence on the labels, judge it, report findings, and take a person's decisions back."""
