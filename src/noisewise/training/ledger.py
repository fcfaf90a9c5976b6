"""The Ledger: running statistics of every training row, in O(rows x classes) memory.

It observes every step. Between epochs it predicts the rows that the epoch did not show, because an edit had mixed
them or because they were not drawn. Methods read it, probes plot it, detectors score it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from noisewise.formatting import count
from noisewise.training.batch import Batch
from noisewise.training.distributed import RowPart

EARLY = 0.5
_FLOOR = 1e-8
# Batches that are recorded together, and how many logits may wait: 64 MB.
_TOGETHER, _WAITING = 32, 2**24


class Ledger(nn.Module):
    """Running statistics per row, keyed by index; with N networks, of their mean prediction.

    Buffers, (rows,) unless said: `seen` observations; `loss_last` and `loss_sum` cross entropy with the given label;
    `margin_sum` of z_given - max other z (Pleiss et al. 2020, area under the margin); `wrong_events` observations in
    which the prediction was not the given label; `forgetting` changes from right to wrong between observations (Toneva
    et al. 2019); `was_right`; `predicted` the class it was last predicted as, -1 before; `moved` whether it was
    another the time before; `learned_at` observation number from which it was first right (0: never);
    `probability_sum` (rows, K), of which each of several processes that train together keeps its `part`; `error_sum` of
    the norm ||p - onehot(given)|| over the first half of the observations that the epochs promise (Paul et al. 2021);
    `sieve_sum` of the cross entropy with the given label minus its mean over all classes, there with p + 1e-8 for p
    (Cheng et al. 2021).

    Args:
        given: (rows,) int64 given labels by index; -1 for rows that are not trained on.
        classes: K.
        epochs: how many there will be, for the statistics of the first half.
    """

    given: Tensor
    seen: Tensor
    wrong_events: Tensor
    forgetting: Tensor
    learned_at: Tensor
    loss_last: Tensor
    loss_sum: Tensor
    margin_sum: Tensor
    error_sum: Tensor
    sieve_sum: Tensor
    was_right: Tensor
    predicted: Tensor
    moved: Tensor
    fresh: Tensor
    probability_sum: Tensor

    def __repr__(self) -> str:
        rows, classes = int((self.given >= 0).sum()), self.probability_sum.shape[1]
        observations = int(self.seen.max()) if len(self.seen) else 0
        return f"Ledger({count(rows, 'row')}, {classes} classes, {count(observations, 'observation')})"

    def __init__(self, given: Tensor, classes: int, epochs: int = 1) -> None:
        super().__init__()
        rows, device = len(given), given.device
        self.early = early_observations(epochs)
        self._waiting: list[tuple[Tensor, Tensor]] = []
        self._returned: threading.Event | None = None
        self.register_buffer("given", given.clone())
        for name in ("seen", "wrong_events", "forgetting", "learned_at"):
            self.register_buffer(name, torch.zeros(rows, dtype=torch.int32, device=device))
        for name in ("loss_last", "loss_sum", "margin_sum", "error_sum", "sieve_sum"):
            self.register_buffer(name, torch.zeros(rows, device=device))
        self.register_buffer("predicted", torch.full((rows,), -1, dtype=torch.int32, device=device))
        for name in ("was_right", "moved", "fresh"):
            self.register_buffer(name, torch.zeros(rows, dtype=torch.bool, device=device))
        self.part = RowPart.of(rows)
        self.register_buffer("probability_sum", torch.zeros(self.part.kept, classes, device=device))
        self.part.store_whole(self, "probability_sum")

    def knows(self, index: Tensor) -> bool:
        """Whether an index (m,) has training rows alone, each once. On a GPU this waits for the device."""
        return bool((self.given[index] >= 0).all()) and len(index.unique()) == len(index)

    def observe(self, batch: Batch, *, known: bool = False) -> None:
        """Record a batch as returned by `step`, except rows that are not trained on and mixed rows.

        Args:
            batch: as returned by `step`.
            known: whether the epoch's rows are known to be training rows, each drawn once (see `knows`). Such batches
                are recorded together, as one large batch, at the latest by `end_epoch`: the same numbers for less time.
        """
        if batch.index is None:
            return
        if known:
            self._waiting.append((batch.index, batch.scores))
            lent = self._returned is not None and not self._returned.is_set()
            enough = len(self._waiting) >= _TOGETHER and not lent
            if enough or len(self._waiting) * batch.scores.numel() >= _WAITING:
                self.flush()
            return
        # All rows are computed: how many are not counted is known on the device alone, and no step waits for it.
        self.record(batch.index, batch.scores, counted=self.given[batch.index] >= 0)

    def lend(self) -> threading.Event:
        """Let another thread read the statistics: nothing is recorded until it sets the event that this returns."""
        self._returned = threading.Event()
        return self._returned

    def take_back(self) -> None:
        """Wait until the other thread has read the statistics."""
        if self._returned is not None:
            self._returned.wait()
            self._returned = None

    def flush(self) -> None:
        """Record the batches that wait to be recorded together."""
        waiting, self._waiting = self._waiting, []
        if waiting:
            index, scores = zip(*waiting, strict=True)
            self.record(torch.cat(index), torch.cat(scores, dim=1))

    def end_epoch(self, passes: Callable[[Tensor], Iterable[Batch]]) -> None:
        """Record the training rows that this epoch has not shown.

        Args:
            passes: from a mask (rows,) by index to batches of these rows with logits in evaluation mode.
        """
        self.flush()
        missing = (self.given >= 0) & ~self.fresh
        if missing.any():
            for batch in passes(missing):
                self.record(batch.rows, batch.scores)
        self.take_back()
        self.fresh.zero_()

    @torch.no_grad()
    def record(
        self, index: Tensor, logits: Tensor, labels: Tensor | None = None, *, counted: Tensor | None = None
    ) -> None:
        """Record one observation of some rows.

        Args:
            index: (B,) of the rows.
            logits: (N, B, K) of N networks.
            labels: (B,) given labels, needed for rows outside the training split, which the ledger does not know.
            counted: (B,) which of them to record; None records all.
        """
        self.take_back()
        given = self.given[index] if labels is None else labels
        given = given if counted is None else given.clamp_min(0)
        mean = logits.mean(dim=0).float()
        log_p = functional.log_softmax(mean, dim=-1)
        at_given = mean.gather(1, given[:, None])[:, 0]
        others = mean.scatter(1, given[:, None], -torch.inf).amax(dim=1)
        loss = -log_p.gather(1, given[:, None])[:, 0]
        right = at_given > others

        def put(statistic: Tensor, new: Tensor | bool) -> None:
            statistic[index] = new if counted is None else torch.where(counted, new, statistic[index])

        put(self.forgetting, self.forgetting[index] + (self.was_right[index] & ~right).int())
        put(self.wrong_events, self.wrong_events[index] + (~right).int())
        seen, learned_at = self.seen[index] + 1, self.learned_at[index]
        put(self.seen, seen)
        put(self.learned_at, torch.where(right & (learned_at == 0), seen, learned_at))
        put(self.was_right, right)
        predicted = mean.argmax(dim=1).int()
        put(self.moved, predicted != self.predicted[index])
        put(self.predicted, predicted)
        put(self.loss_last, loss)
        put(self.loss_sum, self.loss_sum[index] + loss)
        put(self.margin_sum, self.margin_sum[index] + (at_given - others))
        p = log_p.exp()
        error = p.scatter_add(1, given[:, None], -torch.ones_like(loss)[:, None]).norm(dim=1)
        put(self.error_sum, self.error_sum[index] + torch.where(seen <= self.early, error, 0.0))
        put(self.sieve_sum, self.sieve_sum[index] + (loss + (p + _FLOOR).log().mean(dim=1)))
        self.part.add(self.probability_sum, index, p if counted is None else torch.where(counted[:, None], p, 0.0))
        put(self.fresh, True)

    def believed(self) -> Tensor:
        """(rows,) the class with the largest averaged prediction; all processes that train together must ask for it."""
        return self.part.whole(self.probability_sum.argmax(dim=1))

    def statistics(self) -> dict[str, np.ndarray]:
        """Per row, by index: `seen`, `loss_mean`, `loss_last`, `margin_mean`, `wrong_events`, `forgetting`,
        `agreement`, `learned_at`, `error_early`, `sieve_mean` (rows,), `probability_mean` (rows, K). Means over
        observations; NaN for rows never seen.
        """
        count = torch.where(self.seen > 0, self.seen, torch.nan).float()
        found = {
            "seen": self.seen,
            "loss_mean": self.loss_sum / count,
            "loss_last": torch.where(self.seen > 0, self.loss_last, torch.nan),
            "margin_mean": self.margin_sum / count,
            "wrong_events": self.wrong_events,
            "forgetting": self.forgetting,
            "agreement": 1 - self.wrong_events / count,
            "learned_at": self.learned_at,
            "error_early": self.error_sum / count.clamp_max(self.early),
            "sieve_mean": self.sieve_sum / count,
            "probability_mean": self.part.whole(self.probability_sum) / count[:, None],
        }
        return {name: value.cpu().numpy() for name, value in found.items()}


def early_observations(epochs: int) -> int:
    """How many of a row's first observations count as early: half of the epochs, at least one."""
    return max(1, round(EARLY * epochs))
