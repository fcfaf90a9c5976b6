"use strict";
/* Cards: a row with its picture or cells, its labels and what can be done with it. */
function cardMaker({ data, decisions, act }) {
  /* Making elements. Text from data only ever becomes a text node or an attribute that cannot run. */

  function make(tag, attributes = {}, ...children) {
    const node = document.createElement(tag);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    node.append(...children);
    return node;
  }

  const readable = (text) => (text.trim() === "" ? "(blank)" : text);
  const isolated = (text) => make("bdi", { title: text }, readable(text));
  const percent = (value) => `${(100 * value).toFixed(value > 0.9995 || value < 0.0005 ? 0 : 1)}\u00a0%`;

  const acts = [
    ["accept", "Accept", "use the suggested label (a)"],
    ["keep", "Keep", "the given label is right (k)"],
    ["relabel", "Other…", "choose another label (o)"],
    ["unsure", "Unsure", "leave it open (n)"],
    ["remove", "Remove", "take the row out of the data (x)"],
  ];
  const said = { keep: "kept", unsure: "unsure", remove: "removed" };

  function card(row, larger) {
    const node = make("li", { class: "card", tabindex: "-1", "data-index": row.index });
    if (row.issue) node.setAttribute("data-issue", "");
    const body = make("div", { class: "body" }, facts(row, larger));
    if (row.image) body.prepend(larger ? enlarging(row, larger) : picture(row));
    node.append(body);
    if (row.cells) node.append(cells(row.cells));
    node.append(buttons(row));
    return node;
  }

  function facts(row, larger) {
    const top = make("div", { class: "top" }, title(row), make("span", { class: "verdict" }));
    if (larger && !row.image && row.cells) {
      const button = make("button", { type: "button", class: "zoom", title: "show the whole row (z)" }, "Whole row");
      button.addEventListener("click", () => larger(row));
      top.append(button);
    }
    return make("div", { class: "facts" }, top,
      make("div", { class: "label" }, make("span", {}, "given"), isolated(data.classes[row.given])),
      make("div", { class: "label suggested" }, make("span", {}, "suggested"),
        row.given === row.suggested ? make("span", {}, "nothing else") : isolated(data.classes[row.suggested])),
      suspicion(row.suspicion));
  }

  function title(row) {
    const names = (row.names || []).filter((text) => text !== "");
    return make("span", { class: "name" }, "row " + row.index, ...names.flatMap((text) => [" · ", isolated(text)]));
  }

  function picture(row) {
    const image = make("img", { class: "picture", src: row.image, alt: "image of row " + row.index, decoding: "async" });
    image.addEventListener("load", () => image.classList.toggle("small", image.naturalWidth <= 64));
    return image;
  }

  function enlarging(row, larger) {
    const button = make("button", { type: "button", class: "enlarge", title: "larger (z)" }, picture(row));
    button.addEventListener("click", () => larger(row));
    return button;
  }

  function suspicion(value) {
    const fill = make("div", { class: "fill" });
    fill.style.width = 100 * value + "%";
    return make("div", { class: "suspicion", title: `suspicion ${value.toFixed(3)}: how likely the given label is wrong` },
      make("span", {}, "likely wrong"),
      make("div", { class: "track", "aria-hidden": "true" }, fill),
      make("span", { "aria-label": "suspicion " + value.toFixed(3) }, percent(value)));
  }

  function cells(texts) {
    const lines = texts.map((text, at) => make("tr", {},
      make("th", { scope: "row" }, isolated(data.columns[at])), make("td", {}, make("bdi", { title: text }, text))));
    return make("table", { class: "cells" }, make("tbody", {}, ...lines));
  }

  function buttons(row) {
    return make("div", { class: "buttons" }, ...acts.map(([word, text, hint]) => {
      const button = make("button", { type: "button", "data-word": word, "aria-pressed": "false", title: hint }, text);
      button.disabled = word === "accept" && row.given === row.suggested;
      button.addEventListener("click", () => {
        const pressed = button.getAttribute("aria-pressed") === "true" && word !== "relabel";
        act(row, pressed ? null : word);
      });
      return button;
    }));
  }

  /* Shows the decision on a card. */

  function paint(node, row) {
    const [word, label] = decisions.get(row.index) || [null, ""];
    if (word) node.setAttribute("data-decision", word);
    else node.removeAttribute("data-decision");
    for (const button of node.querySelectorAll(".buttons button")) {
      button.setAttribute("aria-pressed", String(button.dataset.word === word));
    }
    const verdict = node.querySelector(".verdict");
    verdict.replaceChildren();
    if (word) verdict.append(said[word] || isolated("now " + label));
    else if (row.reviewed) verdict.append("reviewed before");
    node.setAttribute("aria-label", `row ${row.index}, given ${data.classes[row.given]}, suggested ` +
      `${data.classes[row.suggested]}, suspicion ${row.suspicion.toFixed(2)}, ` +
      (word ? `decided: ${word} ${label}` : "not reviewed"));
  }

  return { card, paint, make, readable, isolated, title, picture, cells };
}
