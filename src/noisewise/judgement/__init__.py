"""What predictions say about given labels: a noise rate, and per row the probability that its label is right.

It needs arrays alone, so methods use it during training as the audit does after cross-fitting.
"""
