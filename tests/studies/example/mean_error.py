"""How far the mean of some draws lies from what it estimates."""

import numpy as np

from noisewise.compute import Task
from noisewise.figures import subplots
from noisewise.studies import Card, Claim, Study

SIZES = {"smoke": (10, 100, 1000), "cpu": (10, 100, 1000, 10000)}


def error_of_mean(draws, repeats, seed):
    values = np.random.default_rng(seed).normal(size=(repeats, draws))
    return {"error": float(np.sqrt(np.mean(values.mean(axis=1) ** 2)))}


def runs(scale, source, model):
    return [Task.of(error_of_mean, draws=draws, repeats=2000, seed=0) for draws in SIZES[scale]]


def slope(results):
    return float(np.polyfit(np.log(results.choices("draws")), np.log(results.numbers("error")), 1)[0])


def claims(results):
    return [
        Claim("root-law", "The error falls as the root of the number of draws.", slope(results), "in", (-0.52, -0.48))
    ]


def figure(results):
    figure, axes = subplots()
    axes.loglog(results.choices("draws"), results.numbers("error"), "o-")
    axes.set(xlabel="draws", ylabel="root mean squared error", title="Error of the mean")
    return figure


STUDY = Study(
    Card(
        name="mean-error",
        title="The mean of more draws errs less, by the root of their number",
        shows="The mean of n normal draws is computed many times. Its error falls as one over the root of n.",
        paper="Gauss, Theoria combinationis observationum",
        year=1823,
        figure="Article 15",
        explanation="Variances of independent draws add up, and the mean divides their sum by the square of n.",
        scales={"smoke": "2,000 means of up to 1,000 draws", "cpu": "2,000 means of up to 10,000 draws"},
        budget={"smoke": 10},
    ),
    runs,
    claims,
    figure,
)
