"""Classical methods: resampling, synthetic rows and boosting."""
