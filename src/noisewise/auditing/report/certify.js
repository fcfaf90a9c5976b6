"use strict";
/* The mode "certify": drawn rows one at a time, and what the decisions say so far. */
function certifyMode({ data, rows, decisions, make, picture, cells, isolated, title, act }) {
  const find = (id) => document.getElementById(id);
  const drawn = data.drawn;
  const known = new Map([...rows, ...drawn.others.map((row) => [row.index, row])]);
  const sample = drawn.index.map((index) => known.get(index));
  let at = 0;

  function wrong(row) {
    const [word, label] = decisions.get(row.index) || [null, ""];
    if (word === null || word === "unsure") return undefined;
    return word === "remove" || (word !== "keep" && label !== data.classes[row.given]);
  }

  /* The row. */

  function show() {
    const row = sample[at];
    if (!row) {
      find("drawn").replaceChildren(make("p", { class: "lead" }, "No row is left to review."));
      return;
    }
    const [word, label] = decisions.get(row.index) || [null, ""];
    const node = make("div", { class: "card", tabindex: "-1", "data-index": row.index });
    if (word) node.setAttribute("data-decision", word);
    const verdict = make("span", { class: "verdict" });
    const said = { keep: "right", unsure: "unsure", remove: "removed" };
    if (word) verdict.append(said[word] || isolated("wrong: " + label));
    node.append(make("div", { class: "top" }, make("span", {}, `${at + 1} of ${sample.length}: `, title(row)), verdict));
    if (row.image) node.append(picture(row));
    if (row.cells) node.append(cells(row.cells));
    node.append(make("p", { class: "question" }, "Is this ", isolated(data.classes[row.given]), "?"), buttons(row, word));
    find("drawn").replaceChildren(node);
  }

  function buttons(row, word) {
    const answers = [["Right", "keep", "r"], ["Wrong…", "relabel", "w"], ["Unsure", "unsure", "n"], ["Remove", "remove", "x"]];
    const answer = ([text, kind, key]) => {
      const pressed = word === kind || (kind === "relabel" && word === "accept");
      const button = make("button", { type: "button", "aria-pressed": String(pressed), title: `key ${key}` }, text);
      button.addEventListener("click", () => act(row, kind));
      return button;
    };
    const back = make("button", { type: "button", "aria-label": "previous row" }, "←");
    const next = make("button", { type: "button", "aria-label": "next row" }, "→");
    back.disabled = at === 0;
    next.disabled = at === sample.length - 1;
    back.addEventListener("click", () => move(at - 1));
    next.addEventListener("click", () => move(at + 1));
    return make("div", { class: "buttons" }, back, ...answers.map(answer), next);
  }

  function move(to) {
    at = Math.min(Math.max(to, 0), Math.max(sample.length - 1, 0));
    show();
    find("drawn").firstChild.focus({ preventScroll: true });
  }

  /* After a decision: on to the next row without one. */

  function decided(row) {
    if (find("certify").hidden) return;
    tell();
    if (sample[at] === row && decisions.has(row.index)) {
      const open = sample.findIndex((other, place) => place > at && !decisions.has(other.index));
      move(open < 0 ? at : open);
    } else {
      move(at);
    }
  }

  /* What the decisions say. */

  const percent = (value) => `${(100 * value).toFixed(1)}\u00a0%`;
  const whole = (value) => Math.round(value).toLocaleString("en");
  const lines = [
    ["noise_rate", "labels that are wrong (noise rate)", percent],
    ["precision", "issues that are wrong (precision)", percent],
    ["recall", "wrong labels that are issues (recall)", percent],
    ["remaining", "wrong labels that are no issues", whole],
  ];

  function tell() {
    const found = certificate.certified(drawn, sample.map(wrong));
    const decided = sample.filter((row) => decisions.has(row.index)).length;
    find("certify-export").disabled = decisions.size === 0;
    find("certified").replaceChildren(...lines.map(([name, text, form]) => {
      const value = found && found[name];
      const known = value && value.estimate !== null;
      return make("tr", {}, make("th", { scope: "row" }, text),
        make("td", { class: "number" }, known ? form(value.estimate) : "–"),
        make("td", { class: "number" }, value ? `${form(value.low)} to ${form(value.high)}` : "–"));
    }));
    find("certified-note").textContent = found ? note(found) : `${decided} of at least ${certificate.LEAST} rows reviewed.`;
    draw(found);
  }

  function note(found) {
    const passed = found.undecided ? ` Unsure or passed over, which widens the interval: ${found.undecided}.` : "";
    const more = found.more_for_two_points;
    const needed = more === null ? "More than 5,000 further reviews would be" : `About ${more} further reviews are`;
    const close = more === 0 ? "It is within two points." : `${needed} needed for ±2 points.`;
    return `From ${found.reviews} rows drawn at random. ${close}${passed}`;
  }

  /* The interval after each decision. */

  const history = new Map();

  function draw(found) {
    const values = sample.map(wrong);
    const length = found ? certificate.front(values) : 0;
    const step = Math.max(1, Math.ceil(length / 40));
    const points = [];
    for (let count = certificate.LEAST; count <= length; count += count + step > length && count < length ? length - count : step) {
      const key = values.slice(0, count).map((value) => (value === undefined ? "." : Number(value))).join("");
      if (!history.has(key)) history.set(key, certificate.rate(drawn, values, count));
      const rate = history.get(key);
      if (rate.estimate !== null) points.push([count, rate]);
    }
    const claimed = Number(find("fan").dataset.rate);
    const top = Math.min(1, 1.15 * Math.max(claimed, 0.02, ...points.slice(-30).map(([, rate]) => rate.high)));
    const x = (count) => 44 + (424 * count) / Math.max(60, length);
    const y = (value) => 192 - (180 * Math.min(value, top)) / top;
    const label = (text, place) => svg("text", place, text);
    const parts = [
      svg("line", { class: "grid", x1: 44, x2: 468, y1: 192, y2: 192 }),
      label("0", { class: "end", x: 38, y: 196 }),
      label(percent(top), { class: "end", x: 38, y: 16, "font-size": 10 }),
      label("reviewed rows", { x: 44, y: 208 }),
      svg("line", { class: "guide", x1: 44, x2: 468, y1: y(claimed), y2: y(claimed) }),
      label("by the audit", { x: 46, y: y(claimed) - 5 }),
    ];
    if (points.length) {
      const above = points.map(([count, rate]) => `${x(count)},${y(rate.high)}`);
      const below = points.map(([count, rate]) => `${x(count)},${y(rate.low)}`).reverse();
      const [last, rate] = points[points.length - 1];
      parts.push(svg("polygon", { class: "band", points: [...above, ...below].join(" ") }),
        svg("polyline", { points: points.map(([count, one]) => `${x(count)},${y(one.estimate)}`).join(" ") }),
        svg("line", { class: "mark", x1: x(last), x2: x(last), y1: y(rate.low), y2: y(rate.high) }),
        svg("circle", { cx: x(last), cy: y(rate.estimate), r: 4 }),
        label(last, { class: "middle", x: x(last), y: 208 }));
    }
    find("fan").replaceChildren(...parts);
  }

  function svg(tag, attributes, ...children) {
    const node = document.createElementNS(find("fan").namespaceURI, tag);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    node.append(...children);
    return node;
  }

  /* Which of the two modes is shown. */

  function mode(certifying) {
    find("certify").hidden = !certifying;
    find("review").hidden = certifying;
    find("to-certify").setAttribute("aria-pressed", String(certifying));
    find("to-review").setAttribute("aria-pressed", String(!certifying));
    if (!certifying) return;
    const open = sample.findIndex((row) => !decisions.has(row.index));
    tell();
    move(open < 0 ? 0 : open);
  }

  function press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !sample[at]) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const words = { r: "keep", k: "keep", w: "relabel", o: "relabel", n: "unsure", x: "remove" };
    if (key in words) act(sample[at], words[key]);
    else if (key === "ArrowLeft") move(at - 1);
    else if (key === "ArrowRight") move(at + 1);
    else return;
    event.preventDefault();
  }

  find("to-certify").addEventListener("click", () => mode(true));
  find("to-review").addEventListener("click", () => mode(false));
  find("drawn").addEventListener("keydown", press);
  return { decided, refresh: () => decided(sample[at] || {}) };
}
