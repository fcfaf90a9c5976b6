"""The trainer's own cost: steps, precisions, checkpoints, memory."""
