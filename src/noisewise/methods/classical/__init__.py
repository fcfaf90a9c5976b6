"""Methods from before deep learning: resampling and boosting."""
