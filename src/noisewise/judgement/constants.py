"""The constants of the judgement.

All but MOST_IGNORANCE are chosen on a pool of data sets with known noise, and measured on the sets left out of the
choice:

    python benchmarks/pool/judgement.py --tasks FOLDER --out docs/results/judgement.md
"""

# Ranking: how much the largest probability of another class counts, next to that of the given one. The largest of the
# weights compared under which 99 % of the pool's labels are ranked as well as by self-confidence, less .005 at most.
OTHER_WEIGHT = 0.1

# Rate: the share of the rows predicted as a class that are its anchors, and the weight of what they show; confident
# learning has the rest.
ANCHOR_SHARE = 0.3
ANCHOR_WEIGHT = 0.5

# Interval: how far the truth lies below and above the estimate at most, in 96 % of the evidence each, as multiples of
# `Signs.error_terms`: unexplained disagreement, rate times ignorance.
ERROR_BELOW = (0.37, 1.09)
ERROR_ABOVE = (0.95, 0.03)

# Suspicion: the confidence is raised to the power that calibrates the predictions, itself to the power SHARPENING. The
# log-odds fall by STEEPNESS for a result larger by a factor of e; below CONFIDENCE_FLOOR differences matter less.
SHARPENING = 0.5
STEEPNESS = 4.0
CONFIDENCE_FLOOR = 0.1

# Suggestion: it is right, if the given label is wrong, with probability share ** SUGGESTION_POWER, where `share` is its
# part of the probability of all other classes.
SUGGESTION_POWER = 0.3

# In-training predictions: the weight of held-out ones where there are both, in the ranking. The smallest of those
# compared under which 99 % of the networks' rankings are as good as by held-out predictions alone, less .005 at most.
HELD_OUT_WEIGHT = 0.7

# Weak: from this ignorance on (disagreement with the given labels over that of guessing), rates were wrong by more than
# 15 points on average. Set by hand from the table "Weak evidence" of that page.
MOST_IGNORANCE = 0.7
