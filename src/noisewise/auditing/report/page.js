"use strict";
(() => {
  const find = (id) => document.getElementById(id);
  const data = JSON.parse(find("data").textContent);
  const rows = new Map(data.rows.map((row) => [row.index, row]));
  const goal = data.rows.some((row) => row.issue) ? data.rows.filter((row) => row.issue) : data.rows;
  const cards = new Map();
  const words = new Set(["accept", "keep", "relabel"]);

  /* Making elements. Text from data only ever becomes a text node or an attribute that cannot run. */

  function make(tag, attributes = {}, ...children) {
    const node = document.createElement(tag);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    node.append(...children);
    return node;
  }

  const readable = (text) => (text.trim() === "" ? "(blank)" : text);
  const isolated = (text) => make("bdi", { title: text }, readable(text));

  /* Decisions: index -> [word, class name], in the order in which the rows were first reviewed. */

  const place = "noisewise:" + data.key;

  function remembered() {
    try {
      const found = JSON.parse(localStorage.getItem(place)) || [];
      return new Map(found.filter(([index, [word]]) => Number.isInteger(index) && words.has(word)));
    } catch {
      return new Map();
    }
  }

  function remember() {
    try {
      localStorage.setItem(place, JSON.stringify([...decisions]));
    } catch {
      say("This browser does not keep the decisions: export them before you close the page.");
    }
  }

  const decisions = remembered();

  function decide(row, word, label) {
    if (word === null) decisions.delete(row.index);
    else decisions.set(row.index, [word, label]);
    remember();
    if (cards.has(row.index)) paint(row);
    tally();
    certifying.decided(row);
  }

  const accept = (row) => decide(row, "accept", data.classes[row.suggested]);
  const keep = (row) => decide(row, "keep", data.classes[row.given]);
  const undo = (row) => decide(row, null);

  /* One card. */

  function card(row) {
    const given = data.classes[row.given];
    const suggested = data.classes[row.suggested];
    const node = make("li", { class: "card", tabindex: "-1", "data-index": row.index });
    if (row.issue) node.setAttribute("data-issue", "");
    const facts = make("div", { class: "facts" },
      make("div", { class: "top" }, make("span", {}, "row " + row.index), make("span", { class: "verdict" })),
      make("div", { class: "label" }, make("span", {}, "given"), isolated(given)),
      make("div", { class: "label suggested" }, make("span", {}, "suggested"),
        row.given === row.suggested ? make("span", {}, "nothing else") : isolated(suggested)),
      suspicion(row.suspicion));
    const body = make("div", { class: "body" }, facts);
    if (row.image) body.prepend(picture(row));
    node.append(body);
    if (row.cells) node.append(cells(row.cells));
    node.append(buttons(row));
    return node;
  }

  function picture(row) {
    const image = make("img", { class: "picture", src: row.image, alt: "image of row " + row.index, decoding: "async" });
    image.addEventListener("load", () => image.classList.toggle("small", image.naturalWidth <= 64));
    return image;
  }

  function suspicion(value) {
    const fill = make("div", { class: "fill" });
    fill.style.width = 100 * value + "%";
    return make("div", { class: "suspicion", title: "probability that the given label is wrong" },
      make("div", { class: "track", "aria-hidden": "true" }, fill),
      make("span", { "aria-label": "suspicion " + value.toFixed(3) }, value.toFixed(3)));
  }

  function cells(texts) {
    const lines = texts.map((text, at) => make("tr", {},
      make("th", { scope: "row" }, isolated(data.columns[at])), make("td", {}, make("bdi", { title: text }, text))));
    return make("table", { class: "cells" }, make("tbody", {}, ...lines));
  }

  function buttons(row) {
    const wanted = [["accept", "Accept", accept], ["keep", "Keep given", keep], ["relabel", "Other…", pick]];
    return make("div", { class: "buttons" }, ...wanted.map(([word, text, act]) => {
      const button = make("button", { type: "button", "data-word": word, "aria-pressed": "false" }, text);
      button.disabled = word === "accept" && row.given === row.suggested;
      button.addEventListener("click", () => {
        const pressed = button.getAttribute("aria-pressed") === "true" && word !== "relabel";
        if (pressed) undo(row);
        else act(row);
      });
      return button;
    }));
  }

  function paint(row) {
    const node = cards.get(row.index);
    const [word, label] = decisions.get(row.index) || [null, ""];
    if (word) node.setAttribute("data-decision", word);
    else node.removeAttribute("data-decision");
    for (const button of node.querySelectorAll(".buttons button")) {
      button.setAttribute("aria-pressed", String(button.dataset.word === word));
    }
    const verdict = node.querySelector(".verdict");
    verdict.replaceChildren();
    if (word === "keep") verdict.append("kept");
    else if (word) verdict.append(isolated("now " + label));
    else if (row.reviewed) verdict.append("reviewed before");
    node.setAttribute("aria-label", `row ${row.index}, given ${data.classes[row.given]}, suggested ` +
      `${data.classes[row.suggested]}, suspicion ${row.suspicion.toFixed(2)}, ` +
      (word ? `decided: ${word} ${label}` : "not reviewed"));
  }

  /* Which cards are shown, and in which order. */

  const filters = find("filters");
  const order = {
    suspect: (a, b) => b.suspicion - a.suspicion || a.index - b.index,
    gain: (a, b) => b.gain - a.gain || b.suspicion - a.suspicion || a.index - b.index,
    trusted: (a, b) => a.suspicion - b.suspicion || a.index - b.index,
    index: (a, b) => a.index - b.index,
    given: (a, b) => a.given - b.given || b.suspicion - a.suspicion,
    suggested: (a, b) => a.suggested - b.suggested || b.suspicion - a.suspicion,
  };

  function haystack(row) {
    return [row.index, data.classes[row.given], data.classes[row.suggested], ...(row.cells || [])].join("\n").toLowerCase();
  }

  function passes(row) {
    const state = find("state").value;
    const search = find("search").value.trim().toLowerCase();
    return (find("given").value === "" || row.given === Number(find("given").value)) &&
      (find("suggested").value === "" || row.suggested === Number(find("suggested").value)) &&
      (!find("issues").checked || row.issue) &&
      row.suspicion >= Number(find("least").value) &&
      (state === "all" || (state === "done") === decisions.has(row.index)) &&
      (search === "" || haystack(row).includes(search));
  }

  let visible = [];

  function arrange() {
    visible = data.rows.filter(passes).sort(order[find("sort").value]);
    find("cards").replaceChildren(...visible.map((row) => cards.get(row.index)));
    find("none").hidden = visible.length > 0;
    find("least-value").textContent = Number(find("least").value).toFixed(2);
    for (const [at, row] of visible.entries()) cards.get(row.index).tabIndex = at === 0 ? 0 : -1;
    tally();
  }

  function tally() {
    const done = goal.filter((row) => decisions.has(row.index)).length;
    find("progress").max = Math.max(goal.length, 1);
    find("progress").value = done;
    const noun = goal.length && goal[0].issue ? "issues" : "rows";
    find("count").textContent = `${done} of ${goal.length} ${noun} reviewed, ${visible.length} in view`;
    find("export").disabled = decisions.size === 0;
  }

  function choices(select, field) {
    const counts = new Map();
    for (const row of data.rows) counts.set(row[field], (counts.get(row[field]) || 0) + 1);
    select.append(make("option", { value: "" }, "any"));
    for (const number of [...counts.keys()].sort((a, b) => a - b)) {
      select.append(make("option", { value: number }, `${brief(data.classes[number])} (${counts.get(number)})`));
    }
  }

  const brief = (text) => (readable(text).length > 40 ? text.slice(0, 39) + "…" : readable(text));

  function confine(given, suggested) {
    if (!data.rows.some((row) => row.given === Number(given) && row.suggested === Number(suggested))) {
      say("None of the rows on this page is confused like that.");
      return;
    }
    filters.reset();
    find("given").value = given;
    find("suggested").value = suggested;
    find("issues").checked = false;
    arrange();
    say("");
    find("review").scrollIntoView();
  }

  /* Moving about. */

  function focus(node) {
    if (!node) return;
    for (const other of find("cards").querySelectorAll('[tabindex="0"].card')) other.tabIndex = -1;
    node.tabIndex = 0;
    node.focus();
  }

  function beside(node, key) {
    const shown = [...find("cards").children];
    const at = shown.indexOf(node);
    const wide = shown.filter((other) => other.offsetTop === shown[0].offsetTop).length;
    return shown[at + { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -wide, ArrowDown: wide }[key]];
  }

  function next() {
    const open = visible.find((row) => !decisions.has(row.index));
    if (open) focus(cards.get(open.index));
    else say("Every row in view has been reviewed.");
  }

  function press(event) {
    const node = event.target.closest(".card");
    if (!node || event.ctrlKey || event.metaKey || event.altKey) return;
    const row = rows.get(Number(node.dataset.index));
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (key.startsWith("Arrow")) focus(beside(node, key));
    else if (key === "a" && row.given !== row.suggested) accept(row);
    else if (key === "r") keep(row);
    else if (key === "o") pick(row);
    else if (key === "u") undo(row);
    else return;
    event.preventDefault();
    if (key === "a" || key === "r") focus(beside(node, "ArrowRight"));
  }

  /* Choosing another label. */

  const picker = find("picker");
  let picking = null;

  function pick(row) {
    picking = row;
    find("picker-title").textContent = "Other label for row " + row.index;
    find("picker-search").value = "";
    offer();
    picker.showModal();
    find("picker-search").focus();
  }

  function offer() {
    const search = find("picker-search").value.trim().toLowerCase();
    const likely = picking.likely || [];
    const numbers = [...new Set([...likely, ...data.classes.keys()])];
    const fitting = numbers.filter((number) => data.classes[number].toLowerCase().includes(search));
    const list = find("picker-list");
    list.replaceChildren(...fitting.slice(0, 50).map(choice));
    if (fitting.length > 50) list.append(make("p", {}, `and ${fitting.length - 50} more: search to narrow them down`));
    if (fitting.length === 0) list.append(make("p", {}, "no such class"));
  }

  function choice(number) {
    const button = make("button", { type: "button" }, make("bdi", {}, readable(data.classes[number])));
    button.addEventListener("click", () => {
      picker.close();
      decide(picking, "relabel", data.classes[number]);
      if (!find("review").hidden) focus(cards.get(picking.index));
    });
    return button;
  }

  /* Decisions as CSV: index,decision,label; quoted where needed, so that every class name comes back as it was. */

  function quoted(text) {
    return /[",\r\n]|^\s|\s$|^$/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text;
  }

  function written() {
    const lines = [...decisions].map(([index, [word, label]]) => `${index},${word},${quoted(label)}\n`);
    return "index,decision,label\n" + lines.join("");
  }

  function download() {
    const address = URL.createObjectURL(new Blob([written()], { type: "text/csv" }));
    const link = make("a", { href: address, download: "decisions.csv" });
    link.click();
    setTimeout(() => URL.revokeObjectURL(address), 10000);
    say(`${decisions.size} decisions exported to decisions.csv.`);
  }

  function parsed(text) {
    const lines = [[""]];
    let inside = false;
    for (let at = 0; at < text.length; at += 1) {
      const sign = text[at];
      const line = lines[lines.length - 1];
      if (inside && sign === '"' && text[at + 1] === '"') at += 1;
      else if (sign === '"') { inside = !inside; continue; }
      else if (!inside && sign === ",") { line.push(""); continue; }
      else if (!inside && sign === "\n") { lines.push([""]); continue; }
      else if (!inside && sign === "\r") continue;
      line[line.length - 1] += sign;
    }
    return lines.filter((line) => line.length > 1);
  }

  function load(text) {
    const [head = [], ...lines] = parsed(text.replace(/^\ufeff/, ""));
    const [index, word, label] = ["index", "decision", "label"].map((column) => head.indexOf(column));
    if (index < 0 || word < 0 || label < 0) {
      say("This file has no columns index, decision and label.");
      return;
    }
    const classes = new Set(data.classes);
    const good = lines.filter((line) => /^-?\d+$/.test(line[index]) && words.has(line[word]) && classes.has(line[label]));
    for (const line of good) decisions.set(Number(line[index]), [line[word], line[label]]);
    remember();
    for (const row of data.rows) paint(row);
    arrange();
    certifying.refresh();
    const skipped = lines.length - good.length;
    say(`${good.length} decisions imported` + (skipped ? `, ${skipped} lines not understood.` : "."));
  }

  function say(text) {
    find("message").textContent = text;
  }

  /* Everything is tied together here. */

  const shared = { data, rows, decisions, make, picture, cells, isolated, keep, undo, pick };
  const certifying = certifyMode(shared);
  choices(find("given"), "given");
  choices(find("suggested"), "suggested");
  find("issues").defaultChecked = goal[0] !== undefined && goal[0].issue;
  for (const row of data.rows) {
    cards.set(row.index, card(row));
    paint(row);
  }
  arrange();

  filters.addEventListener("input", arrange);
  filters.addEventListener("submit", (event) => event.preventDefault());
  filters.addEventListener("reset", () => setTimeout(arrange));
  find("cards").addEventListener("keydown", press);
  find("start").addEventListener("click", next);
  find("export").addEventListener("click", download);
  find("certify-export").addEventListener("click", download);
  find("import").addEventListener("click", () => find("file").click());
  find("file").addEventListener("change", async (event) => {
    const [file] = event.target.files;
    if (file) load(await file.text());
    event.target.value = "";
  });
  find("picker-search").addEventListener("input", offer);
  find("picker-search").addEventListener("keydown", (event) => {
    const first = find("picker-list").querySelector("button");
    if (event.key === "Enter" && first) first.click();
  });
  find("picker-close").addEventListener("click", () => picker.close());
  for (const spot of document.querySelectorAll("[data-true][data-given]")) {
    spot.addEventListener("click", () => confine(spot.dataset.given, spot.dataset.true));
  }
})();
