"""What a study is, and how it is run, judged and written."""
