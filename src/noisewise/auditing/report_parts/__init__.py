"""What the report is made of: markup, charts, the rows it shows, and the page's own HTML, CSS and JavaScript."""
