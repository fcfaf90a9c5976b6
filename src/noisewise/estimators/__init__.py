"""Estimators for scikit-learn: any classifier made robust to wrong labels, and networks trained by a robust method."""

from noisewise.estimators.clean_learner import CleanLearner
from noisewise.estimators.noisy_classifier import NoisyClassifier

__all__ = ["CleanLearner", "NoisyClassifier"]
