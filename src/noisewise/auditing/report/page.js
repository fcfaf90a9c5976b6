"use strict";
(() => {
  const find = (id) => document.getElementById(id);
  const data = JSON.parse(find("data").textContent);
  const rows = new Map(data.rows.map((row) => [row.index, row]));
  const known = new Map([...data.drawn.others, ...data.rows].map((row) => [row.index, row]));
  const issues = data.rows.filter((row) => row.issue);
  const goal = issues.length ? issues : data.rows;
  const PART = 120; // cards that are made at a time

  const store = decisionStore(data, say);
  const { decisions } = store;
  const { card, paint, make, readable, isolated, title, picture, cells } = cardMaker({ data, decisions, act });

  /* What a person does with a row. */

  const labels = { accept: (row) => data.classes[row.suggested], keep: (row) => data.classes[row.given] };

  function act(row, word) {
    if (word === "relabel") pick(row);
    else decide(row, word, word in labels ? labels[word](row) : "");
  }

  function decide(row, word, label) {
    store.act([[row.index, word === null ? null : [word, label]]]);
    shown([row.index]);
    certifying.decided(row);
  }

  function undo() {
    const changed = store.undo();
    shown(changed);
    say(changed.length ? `Undone: ${count(changed.length, "row")} as before.` : "There is nothing to undo.");
    const row = known.get(changed[0]);
    if (row) certifying.decided(row);
    if (row && changed.length === 1 && !find("review").hidden && rows.has(row.index)) focus(row);
  }

  function all(word) {
    const open = visible.filter((row) => !decisions.has(row.index) && (word !== "accept" || row.given !== row.suggested));
    store.act(open.map((row) => [row.index, [word, labels[word](row)]]));
    shown(open.map((row) => row.index));
    say(`${count(open.length, "row")} in view ${word === "accept" ? "accepted" : "kept"}. Undo takes all of it back.`);
  }

  const count = (number, noun) => `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;

  /* Which cards are shown, and in which order. */

  const cards = new Map();
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
    const texts = [row.index, data.classes[row.given], data.classes[row.suggested], ...(row.names || []), ...(row.cells || [])];
    return texts.join("\n").toLowerCase();
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
  let places = new Map();

  function arrange() {
    visible = data.rows.filter(passes).sort(order[find("sort").value]);
    places = new Map(visible.map((row, at) => [row.index, at]));
    find("cards").replaceChildren();
    lengthen(PART);
    if (visible.length) cardOf(visible[0]).tabIndex = 0;
    find("none").hidden = visible.length > 0;
    find("least-value").textContent = `${Math.round(100 * Number(find("least").value))}\u00a0%`;
    tally();
  }

  function cardOf(row) {
    if (!cards.has(row.index)) {
      cards.set(row.index, card(row, enlarge));
      paint(cards.get(row.index), row);
    }
    return cards.get(row.index);
  }

  /* Puts the cards up to a place on the page; the others follow when the reader comes to the end. */

  function lengthen(to) {
    const list = find("cards");
    for (const row of visible.slice(list.children.length, to)) {
      const node = cardOf(row);
      node.tabIndex = -1;
      list.append(node);
    }
    find("more").hidden = list.children.length >= visible.length;
    find("more").textContent = `Show more (${(visible.length - list.children.length).toLocaleString("en")} left)`;
  }

  function shown(changed) {
    for (const index of changed) if (cards.has(index)) paint(cards.get(index), known.get(index));
    if (zoomed && changed.includes(zoomed.index)) paint(find("zoom-card").firstChild, zoomed);
    tally();
  }

  function tally() {
    const done = goal.filter((row) => decisions.has(row.index)).length;
    const open = visible.filter((row) => !decisions.has(row.index));
    find("progress").max = Math.max(goal.length, 1);
    find("progress").value = done;
    const noun = issues.length ? "issue" : "row";
    find("count").textContent =
      `${done.toLocaleString("en")} of ${count(goal.length, noun)} reviewed, ${visible.length.toLocaleString("en")} in view`;
    find("export").disabled = decisions.size === 0;
    find("undo").disabled = !store.undoable();
    find("accept-all").disabled = !open.some((row) => row.given !== row.suggested);
    find("keep-all").disabled = open.length === 0;
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

  function focus(row) {
    if (!row || !places.has(row.index)) return;
    lengthen(places.get(row.index) + 1);
    const node = cardOf(row);
    for (const other of find("cards").querySelectorAll('[tabindex="0"].card')) other.tabIndex = -1;
    node.tabIndex = 0;
    node.focus();
  }

  function beside(row, key) {
    const nodes = [...find("cards").children];
    const wide = nodes.filter((other) => other.offsetTop === nodes[0].offsetTop).length;
    return visible[places.get(row.index) + { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -wide, ArrowDown: wide }[key]];
  }

  function next() {
    const open = visible.find((row) => !decisions.has(row.index));
    if (open) focus(open);
    else say("Every row in view has been reviewed.");
  }

  const keys = { a: "accept", k: "keep", r: "keep", o: "relabel", n: "unsure", x: "remove" };

  function pressed(event) {
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if ((event.ctrlKey || event.metaKey) && key === "z" && !event.shiftKey) return "u";
    return event.ctrlKey || event.metaKey || event.altKey ? "" : key;
  }

  function press(event) {
    const node = event.target.closest(".card");
    if (!node) return;
    const row = rows.get(Number(node.dataset.index));
    const key = pressed(event);
    if (key.startsWith("Arrow")) focus(beside(row, key));
    else if (key === "z") enlarge(row);
    else if (key in keys) act(row, allowed(row, keys[key]));
    else return;
    event.preventDefault();
    if (key in keys && key !== "o") focus(visible[places.get(row.index) + 1]);
  }

  const allowed = (row, word) => (word === "accept" && row.given === row.suggested ? "keep" : word);

  /* One row, as large as the window. */

  let zoomed = null;

  function enlarge(row) {
    zoomed = row;
    const node = card(row, null);
    paint(node, row);
    node.tabIndex = 0;
    find("zoom-card").replaceChildren(node);
    if (!find("zoom").open) find("zoom").showModal();
    node.focus();
  }

  function pressZoomed(event) {
    const key = pressed(event);
    const step = { ArrowLeft: -1, ArrowRight: 1 }[key] || 0;
    if (step === 0 && key === "z") find("zoom").close();
    else if (step === 0 && key in keys) act(zoomed, allowed(zoomed, keys[key]));
    else if (step === 0) return;
    event.preventDefault();
    const other = visible[places.get(zoomed.index) + (step || 1)];
    if (other && (step || (key in keys && key !== "o"))) enlarge(other);
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
      if (!find("review").hidden && !find("zoom").open) focus(picking);
    });
    return button;
  }

  /* Files. */

  function download() {
    const address = URL.createObjectURL(new Blob([store.written(known)], { type: "text/csv" }));
    const link = make("a", { href: address, download: "decisions.csv" });
    link.click();
    setTimeout(() => URL.revokeObjectURL(address), 10000);
    say(`${count(decisions.size, "decision")} exported to decisions.csv. Apply them with noisewise decide.`);
  }

  function load(text) {
    const found = store.read(text);
    if (found === null) {
      say("This file has no columns index, decision and label.");
      return;
    }
    shown([...cards.keys()]);
    arrange();
    certifying.refresh();
    say(`${count(found.read, "decision")} imported` + (found.skipped ? `, ${count(found.skipped, "line")} not understood.` : "."));
  }

  function say(text) {
    find("message").textContent = text;
  }

  /* Everything is tied together here. */

  const certifying = certifyMode({ data, rows, decisions, make, picture, cells, isolated, title, act });
  choices(find("given"), "given");
  choices(find("suggested"), "suggested");
  find("issues").defaultChecked = issues.length > 0;
  arrange();

  filters.addEventListener("input", arrange);
  filters.addEventListener("submit", (event) => event.preventDefault());
  filters.addEventListener("reset", () => setTimeout(arrange));
  find("cards").addEventListener("keydown", press);
  find("zoom").addEventListener("keydown", pressZoomed);
  find("zoom").addEventListener("close", () => focus(zoomed));
  find("zoom-close").addEventListener("click", () => find("zoom").close());
  find("more").addEventListener("click", () => lengthen(find("cards").children.length + PART));
  new IntersectionObserver((seen) => {
    if (seen.some((one) => one.isIntersecting) && !find("more").hidden) lengthen(find("cards").children.length + PART);
  }, { rootMargin: "600px" }).observe(find("more"));
  document.addEventListener("keydown", (event) => {
    if (event.target.closest("input, select, #picker") || pressed(event) !== "u") return;
    undo();
    event.preventDefault();
  });
  find("start").addEventListener("click", next);
  find("undo").addEventListener("click", undo);
  find("certify-undo").addEventListener("click", undo);
  find("accept-all").addEventListener("click", () => all("accept"));
  find("keep-all").addEventListener("click", () => all("keep"));
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
