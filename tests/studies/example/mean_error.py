"""How far the mean of some draws lies from what it estimates."""

import numpy as np

from noisewise.compute import Task
from noisewise.figures import subplots
from noisewise.studies import Study


def error_of_mean(draws, repeats, seed):
    values = np.random.default_rng(seed).normal(size=(repeats, draws))
    return {"error": float(np.sqrt(np.mean(values.mean(axis=1) ** 2)))}


def runs(scale):
    return [Task.of(error_of_mean, draws=draws, repeats=scale.repeats, seed=0) for draws in scale.draws]


def measured(results):
    runs = results.table
    return {"root-law": np.polyfit(np.log(runs["draws"]), np.log(runs["error"]), 1)[0]}


def figure(results):
    figure, axes = subplots()
    axes.loglog(results.table["draws"], results.table["error"], "o-")
    axes.set(xlabel="draws", ylabel="root mean squared error", title="Error of the mean")
    return figure


STUDY = Study.load(__file__, runs, measured, figure)
