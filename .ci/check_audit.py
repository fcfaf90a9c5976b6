"""Check the `summary.json` of an audit with injected noise against what an audit of that data must reach."""

from __future__ import annotations

import json
import sys
from pathlib import Path


def failures(summary: dict[str, float], least: dict[str, float], rate_error: float) -> list[str]:
    """One sentence per expectation that does not hold.

    Args:
        summary: of the audit.
        least: the smallest legal value per key.
        rate_error: the largest legal error of the noise rate.
    """
    found = [f"{key} is {summary[key]:.4f}, below {bound}" for key, bound in least.items() if summary[key] < bound]
    error = abs(summary["noise_rate"] - summary["true_noise_rate"])
    if error > rate_error:
        found.append(
            f"the noise rate {summary['noise_rate']:.4f} is {error:.4f} away from the truth, more than {rate_error}"
        )
    return found


if __name__ == "__main__":
    path, rate_error, *bounds = sys.argv[1:]
    read = json.loads(Path(path).read_text(encoding="utf-8"))
    wrong = failures(read, {key: float(value) for key, value in (b.split("=") for b in bounds)}, float(rate_error))
    sys.exit("\n".join(wrong) or None)
