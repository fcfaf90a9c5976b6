"use strict";
/* The certificate of a random sample: the same computation as `noisewise.auditing.review.certify`, which explains it. */
const certificate = (() => {
  const Z = 1.6448536269514722, DOUBLINGS = 60, HALVINGS = 50, START = 1, REACHED = 1e-7;
  const EVIDENCE = 4, MOST_GAIN = 0.6, LEAST = 10, CLOSE = 0.02;
  const sum = (values) => values.reduce((total, value) => total + value, 0);
  const clip = (value, low, high) => Math.min(Math.max(value, low), high);

  /* Strata are objects: size, named, suspicion; drawn, wrong, suspicions, squares, products. */

  function shares(strata) {
    return strata.map(({ size, drawn, wrong }) => {
      const part = drawn / size;
      const free = drawn - 1 + 1 / strata.length;
      return { found: wrong / drawn, spread: (1 - part) / free, skew: ((1 - part) * (1 - 2 * part)) / free ** 2 };
    });
  }

  function fitted(known, weight, pull) {
    return known.map(({ found, spread }, at) => {
      const slope = pull * weight[at] * spread;
      const root = Math.sqrt(Math.max((1 + slope) ** 2 - 4 * slope * found, 0));
      return slope >= 0 ? (2 * found) / (1 + slope + root) : 1 - (2 * (1 - found)) / (1 - slope + root);
    });
  }

  function accepted(known, weight, pull) {
    const p = fitted(known, weight, pull);
    const noise = p.map((value) => Math.max(value * (1 - value), 0));
    const variance = sum(noise.map((value, at) => weight[at] ** 2 * value * known[at].spread));
    const third = sum(noise.map((value, at) => weight[at] ** 3 * value * (1 - 2 * p[at]) * known[at].skew));
    const deviate = pull * Math.sqrt(variance);
    const g = variance > 0 ? third / variance ** 1.5 / 6 : 0;
    if (Math.abs(g) <= 1e-9) return Math.abs(deviate) < Z;
    return Math.abs((Math.sqrt(1 + 4 * g * (deviate + g)) - 1) / (2 * g)) < Z;
  }

  function end(start, below) {
    let [near, far] = [0, start];
    for (let at = 0; at < DOUBLINGS && below(far); at += 1) [near, far] = [far, 2 * far];
    for (let at = 0; at < HALVINGS; at += 1) {
      const middle = (near + far) / 2;
      if (below(middle)) near = middle;
      else far = middle;
    }
    return (near + far) / 2;
  }

  const total = (weight, values) => sum(values.map((value, at) => weight[at] * value));

  function possible(known, weight) {
    const sign = Math.sign(total(weight, known.map((one) => one.found)));
    const pull = end(sign * START, (value) => total(weight, fitted(known, weight, value)) * sign > 0);
    return Math.abs(total(weight, fitted(known, weight, pull))) < REACHED && accepted(known, weight, pull);
  }

  function meanWrong(strata) {
    const rows = sum(strata.map((one) => one.size));
    const weight = strata.map((one) => one.size / rows);
    const known = shares(strata);
    const [low, high] = [1, -1].map((sign) => {
      return total(weight, fitted(known, weight, end(sign * START, (pull) => accepted(known, weight, pull))));
    });
    const plain = total(weight, known.map((one) => one.found));
    const [shift, left] = control(strata, weight, known);
    const [middle, root] = [plain + shift, Math.sqrt(left)];
    const sure = sum(strata.map((one) => one.wrong)) / rows;
    const most = 1 - sum(strata.map((one) => one.drawn - one.wrong)) / rows;
    const found = [middle, middle - (plain - low) * root, middle + (high - plain) * root];
    const [estimate, lower, upper] = found.map((value) => clip(value, sure, most));
    return { estimate, low: lower, high: upper };
  }

  function control(strata, weight, known) {
    const scale = strata.map((one, at) => weight[at] ** 2 * known[at].spread * one.drawn / Math.max(one.drawn - 1, 1));
    const mean = strata.map((one) => one.suspicions / one.drawn);
    const noise = total(scale, known.map(({ found }) => found * (1 - found)));
    const both = total(scale, strata.map((one, at) => one.products / one.drawn - known[at].found * mean[at]));
    const own = total(scale, strata.map((one, at) => Math.max(one.squares / one.drawn - mean[at] ** 2, 0)));
    const wrong = sum(strata.map((one) => one.wrong));
    const rarer = Math.min(wrong, sum(strata.map((one) => one.drawn)) - wrong);
    const factor = ((own > 1e-15 ? clip(both / own, 0, 1) : 0) * rarer) / (rarer + EVIDENCE);
    const gain = noise > 1e-15 ? (2 * factor * both - factor ** 2 * own) / noise : 0;
    return [-factor * total(weight, strata.map((one, at) => mean[at] - one.suspicion)), 1 - clip(gain, 0, MOST_GAIN)];
  }

  function recall(strata) {
    const rows = sum(strata.map((one) => one.size));
    const known = shares(strata);
    const found = known.map((one) => one.found);
    const part = strata.map((one) => (one.size / rows) * one.named);
    const rest = strata.map((one) => (one.size / rows) * (1 - one.named));
    const [inside, outside] = [total(part, found), total(rest, found)];
    const ratio = inside + outside > 0 ? inside / (inside + outside) : NaN;
    const [low, high] = [0, 1].map((limit) => {
      let [fine, rejected] = [Number.isNaN(ratio) ? limit : ratio, limit];
      for (let at = 0; at < HALVINGS; at += 1) {
        const middle = (fine + rejected) / 2;
        if (possible(known, part.map((value, h) => (1 - middle) * value - middle * rest[h]))) fine = middle;
        else rejected = middle;
      }
      return (fine + rejected) / 2;
    });
    return { estimate: ratio, low, high };
  }

  /* The order: strata of all draws as digits; `wrong` of each drawn row: true, false or undefined. */

  function front(wrong) {
    let [length, lead, most] = [0, 0, 0];
    for (const [at, value] of wrong.entries()) {
      lead += value === undefined ? -1 : 1;
      if (value === undefined || lead < most) continue;
      [length, most] = [at + 1, lead];
    }
    return length;
  }

  function reviews(drawn, wrong, length, filled) {
    const strata = drawn.strata.map(([size, named, suspicion]) => {
      return { size, named, suspicion, drawn: 0, wrong: 0, suspicions: 0, squares: 0, products: 0 };
    });
    for (let at = 0; at < length; at += 1) {
      const one = strata[Number(drawn.order[at])];
      const s = drawn.suspicions[at];
      if (wrong[at] === undefined && filled === null) continue;
      const y = wrong[at] === undefined ? filled[one.named] : Number(wrong[at]);
      one.drawn += 1;
      one.wrong += y;
      one.suspicions += s;
      one.squares += s * s;
      one.products += s * y;
    }
    return strata;
  }

  function over([best, lower, upper], estimator, factor = 1) {
    if (best.length === 0 || best.some((one) => one.drawn === 0)) return { estimate: null, low: 0, high: factor };
    const found = estimator(best);
    const complete = best.every((one, at) => one.drawn === lower[at].drawn);
    const [low, high] = complete ? [found.low, found.high] : [estimator(lower).low, estimator(upper).high];
    const { estimate } = found;
    const known = Number.isNaN(estimate) ? null : factor * clip(estimate, low, high);
    return { estimate: known, low: factor * low, high: factor * high };
  }

  function rate(drawn, wrong, length) {
    const cases = [null, [0, 0], [1, 1]].map((filled) => reviews(drawn, wrong, length, filled));
    return over(cases, meanWrong, sum(drawn.strata.map(([size]) => size)) / drawn.rows);
  }

  function more(drawn, found, length) {
    if (found.some((one) => one.drawn === 0)) return null;
    const part = sum(found.map((one) => one.size)) / drawn.rows;
    const half = (count) => {
      const taken = found.map(() => 0);
      for (let at = 0; at < count; at += 1) taken[Number(drawn.order[at])] += 1;
      const { low, high } = meanWrong(found.map((one, at) => {
        const size = clip(taken[at], one.drawn, one.size);
        const factor = size / one.drawn;
        const [wrong, suspicions] = [one.wrong * factor, one.suspicions * factor];
        return { ...one, drawn: size, wrong, suspicions, squares: one.squares * factor, products: one.products * factor };
      }));
      return (part * (high - low)) / 2;
    };
    let [least, most] = [length, drawn.order.length];
    if (half(most) > CLOSE) return null;
    if (half(least) <= CLOSE) return 0;
    while (most - least > 1) {
      const middle = Math.floor((least + most) / 2);
      if (half(middle) <= CLOSE) most = middle;
      else least = middle;
    }
    return most - length;
  }

  function certified(drawn, wrong) {
    const length = front(wrong);
    const decided = wrong.slice(0, length).filter((value) => value !== undefined).length;
    if (decided < LEAST) return null;
    const of = (...fills) => fills.map((filled) => reviews(drawn, wrong, length, filled));
    const cases = of(null, [0, 0], [1, 1]);
    const only = (named) => cases.map((strata) => strata.filter((one) => one.named === named));
    const others = sum(drawn.strata.filter(([, named]) => !named).map(([size]) => size));
    return {
      noise_rate: rate(drawn, wrong, length),
      precision: over(only(1), meanWrong),
      recall: over(of(null, [1, 0], [0, 1]), recall),
      remaining: over(only(0), meanWrong, others),
      reviews: decided,
      undecided: length - decided,
      more_for_two_points: more(drawn, cases[0], length),
    };
  }

  return { LEAST, front, rate, certified };
})();
