import pickle

from noisewise.auditing.gathering.shares import Shares


def test_other_processes_say_how_far_they_are():
    with Shares(4) as shares:
        assert shares.mean() == 0
        tell = pickle.loads(pickle.dumps(shares.teller(3)))
        tell(0.5)
        shares.teller(0)(1.0)
        assert shares.mean() == 0.375
        tell(1.0)
        assert shares.mean() == 0.5
    tell(1.0)  # nobody asks any more
