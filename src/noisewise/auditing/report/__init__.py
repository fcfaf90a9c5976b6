"""The report of an audit: one HTML file and its Markdown summary."""
