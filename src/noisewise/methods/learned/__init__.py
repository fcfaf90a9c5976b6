"""Methods that learn part of the training step, such as weights or a loss, on trusted rows."""
