"""What an audit leaves in a folder that holds an earlier one."""

import numpy as np
import pandas as pd

import noisewise as nw
from noisewise.auditing.review.folder import original_data


def test_nothing_of_an_earlier_audit_is_taken_for_this_one(tmp_path):
    probs = np.full((30, 2), 0.5)
    pd.DataFrame({"x": np.sin(range(30)), "label": ["a", "b"] * 15}).to_csv(tmp_path / "t.csv", index=False)
    np.savez(tmp_path / "v.npz", X=np.ones((20, 3)), y=np.arange(20) % 2)
    out = tmp_path / "audit"
    (out / "mine").mkdir(parents=True)
    nw.audit(nw.load(tmp_path / "v.npz"), probs=probs[:20]).save(out)
    assert (out / "cleaned.npz").exists()
    nw.audit(nw.load(tmp_path / "t.csv"), probs=probs, conditions=False).save(out)
    assert not list(out.glob("conditions.*"))
    assert not (out / "cleaned.npz").exists()
    assert (out / "mine").is_dir()
    assert len(original_data(out)) == 30
