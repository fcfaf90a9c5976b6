"""`python -m noisewise` is the command `noisewise`, as `torchrun -m noisewise train ...` needs it."""

from __future__ import annotations

from noisewise.cli.main import main

if __name__ == "__main__":
    main()
