"""Every estimator passes scikit-learn's own checks."""

from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.utils.estimator_checks import parametrize_with_checks

from noisewise.estimators import CleanLearner, NoisyClassifier

FOLDS = "rows that are repeated are spread over the folds in another way than rows of twice the weight"
WEIGHTS = {f"check_sample_weight_equivalence_on_{kind}_data": FOLDS for kind in ("dense", "sparse")}
NEIGHBOURS = KNeighborsClassifier()
NO_WEIGHTS = {
    f"check_{name}": "neighbours take no weights of rows, so those of the caller are refused"
    for name in (
        "sample_weights_pandas_series",
        "sample_weights_not_an_array",
        "sample_weights_list",
        "sample_weights_shape",
        "sample_weights_not_overwritten",
        "classifiers_one_label_sample_weights",
    )
}
FAST = [LogisticRegression(), LinearSVC(), make_pipeline(StandardScaler(), LogisticRegression())]
TREES = [RandomForestClassifier(3), HistGradientBoostingClassifier(max_iter=3)]


STEPS = "a row of twice the weight is drawn once, with twice the loss, and so trains the network by other steps"
TRAINED = dict.fromkeys(WEIGHTS, STEPS)


@parametrize_with_checks([NoisyClassifier()], expected_failed_checks=lambda _: TRAINED)
def test_noisy_classifier(estimator, check):
    check(estimator)


@parametrize_with_checks([CleanLearner(one) for one in FAST], expected_failed_checks=lambda _: WEIGHTS)
def test_clean_learner(estimator, check):
    check(estimator)


@parametrize_with_checks([CleanLearner(NEIGHBOURS)], expected_failed_checks=lambda _: WEIGHTS | NO_WEIGHTS)
def test_clean_learner_without_weights(estimator, check):
    check(estimator)


@parametrize_with_checks([CleanLearner(one, cv=3) for one in TREES], expected_failed_checks=lambda _: WEIGHTS)
def test_clean_learner_of_trees(estimator, check):
    check(estimator)
