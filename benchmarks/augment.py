"""RandAugment on a batch of images: all images of an operation at once, beside Pillow image by image, in one run.

    python benchmarks/augment.py --source cifar10 --rows 512

Both draw three operations of magnitude 5 for every image, the same 14 operations with the same ranges. Images start as
bytes and end as normalised numbers. The time is the least of `repeat` runs, on a processor that of the process alone.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable

import numpy as np
import torch
from PIL import Image, ImageEnhance, ImageOps

from noisewise.data import Augment, Rows, load

OPERATIONS, MAGNITUDE = 3, 5
ENHANCERS = (ImageEnhance.Brightness, ImageEnhance.Color, ImageEnhance.Contrast, ImageEnhance.Sharpness)


def by_pillow(image: Image.Image, mean: tuple[int, ...], rng: random.Random) -> Image.Image:
    """RandAugment of one image."""
    m, (width, height) = MAGNITUDE / 10, image.size

    def moved(*matrix: float) -> Image.Image:
        return image.transform(image.size, Image.Transform.AFFINE, matrix, fillcolor=mean)

    for _ in range(OPERATIONS):
        sign, number = rng.choice((-1, 1)), rng.randrange(14)
        if number < len(ENHANCERS):
            image = ENHANCERS[number](image).enhance(1 + sign * 0.9 * m)
        elif number == 4:
            image = ImageOps.autocontrast(image)
        elif number == 5:
            image = ImageOps.equalize(image)
        elif number == 6:
            image = ImageOps.solarize(image, round(256 * (1 - m)))
        elif number == 7:
            image = ImageOps.posterize(image, round(8 - 4 * m))
        elif number == 8:
            image = image.rotate(sign * 30 * m, fillcolor=mean)
        elif number == 9:
            image = moved(1, sign * 0.3 * m, 0, 0, 1, 0)
        elif number == 10:
            image = moved(1, 0, 0, sign * 0.3 * m, 1, 0)
        elif number == 11:
            image = moved(1, 0, int(sign * m * width * 10 / 32), 0, 1, 0)
        elif number == 12:
            image = moved(1, 0, 0, 0, 1, int(sign * m * height * 10 / 32))
    return image


def least(function: Callable[[], object], device: torch.device, repeat: int) -> float:
    """Milliseconds of the fastest of some runs, after one that is not counted."""
    on_gpu = device.type == "cuda"
    clock = time.perf_counter if on_gpu else time.process_time
    times = []
    for _ in range(repeat + 1):
        began = clock()
        function()
        if on_gpu:
            torch.cuda.synchronize(device)
        times.append(1000 * (clock() - began))
    return min(times[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", default="cifar10")
    parser.add_argument("--rows", type=int, default=512)
    parser.add_argument("--repeat", type=int, default=10)
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    device = torch.device(args.device)
    data = load(args.source).take(np.arange(args.rows))
    rows = Rows(data, device, augment=Augment(f"randaugment:{OPERATIONS},{MAGNITUDE}"))
    (_, raw), *_ = rows.stream(torch.arange(args.rows), args.rows)
    generator, rng = torch.Generator().manual_seed(0), random.Random(0)
    images = [Image.fromarray(image) for image in data.inputs[:]]
    mean = tuple(int(255 * value) for value in rows.normalise.mean)

    def one_by_one() -> torch.Tensor:
        done = np.stack([np.asarray(by_pillow(image, mean, rng)) for image in images])
        return rows.prepare(torch.from_numpy(done).permute(0, 3, 1, 2).to(device), None)

    print(f"{args.rows} images of {args.source}, {data.shape}, on {device}, {torch.get_num_threads()} thread(s)")
    print(f"batched            {least(lambda: rows.prepare(raw, generator), device, args.repeat):8.1f} ms")
    print(f"Pillow, one by one {least(one_by_one, device, args.repeat):8.1f} ms")
    print(f"normalised only    {least(lambda: rows.prepare(raw, None), device, args.repeat):8.1f} ms")


if __name__ == "__main__":
    main()
