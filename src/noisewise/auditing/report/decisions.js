"use strict";
/* Decisions: index -> [word, class name], in the order of the review. Every action can be undone, the last one first. */
function decisionStore(data, say) {
  const words = new Set(["accept", "keep", "relabel", "unsure", "remove"]);
  const place = "noisewise:" + data.key;
  const decisions = remembered();
  const actions = [];

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

  function put(changes) {
    for (const [index, decision] of changes) {
      if (decision === null) decisions.delete(index);
      else decisions.set(index, decision);
    }
    remember();
  }

  /* One action: [index, [word, class name]] or [index, null] for every row that it changes. */

  function act(changes) {
    const former = changes.map(([index]) => [index, decisions.get(index) || null]);
    if (changes.length) actions.push(former);
    put(changes);
  }

  /* The rows that the last action had changed, which are again as they were before; none where there is no action. */

  function undo() {
    const former = actions.pop() || [];
    put(former);
    return former.map(([index]) => index);
  }

  /* As CSV: quoted where needed, and an apostrophe before what a spreadsheet might run, as in noisewise.files. */

  const formula = /^'*(?:\s*[=+\-@\uff1d\uff0b\uff0d\uff20][^]|[\t\r\n])/;
  const number = /^(?:\s*[+-]?(?:\d+(?:[.,\u00a0 ]\d+)*[.,]?|[.,]\d+)(?:e[+-]?\d+)?\s*%?\s*|\s*[+-](?:inf|nan)\s*)$/i;
  const runs = (text) => formula.test(text) && !number.test(text.replace(/^'+/, ""));
  const safe = (text) => (runs(text) ? "'" + text : text);
  const plain = (text) => (text.startsWith("'") && runs(text) ? text.slice(1) : text);

  function quoted(text) {
    return /[",;\t\r\n]|^\s|\s$|^$/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text;
  }

  const line = (cells) => cells.map((cell) => quoted(safe(cell))).join(",") + "\n";

  function written(known) {
    const head = ["index", "decision", "label", ...data.names, "given"];
    const lines = [...decisions].map(([index, [word, label]]) => {
      const row = known.get(index);
      const more = row ? [...(row.names || []), data.classes[row.given]] : head.slice(3).map(() => "");
      return `${index},${word},${line([label, ...more])}`;
    });
    return line(head) + lines.join("");
  }

  function parsed(text, separator) {
    const lines = [[""]];
    let inside = false;
    for (let at = 0; at < text.length; at += 1) {
      const sign = text[at];
      const cells = lines[lines.length - 1];
      if (inside && sign === '"' && text[at + 1] === '"') at += 1;
      else if (sign === '"') { inside = !inside; continue; }
      else if (!inside && sign === separator) { cells.push(""); continue; }
      else if (!inside && sign === "\n") { lines.push([""]); continue; }
      else if (!inside && sign === "\r") continue;
      cells[cells.length - 1] += sign;
    }
    return lines.filter((cells) => cells.length > 1);
  }

  /* Reads exported decisions, also as a spreadsheet saved them; returns how many were read and how many were not. */

  function read(text) {
    const wanted = ["index", "decision", "label"];
    for (const separator of ",;\t|") {
      const [head = [], ...lines] = parsed(text.replace(/^\ufeff/, "").replace(/^sep=.\r?\n/i, ""), separator);
      const names = head.map((name) => name.trim().toLowerCase());
      const [index, word, label] = wanted.map((name) => names.indexOf(name));
      if (index < 0 || word < 0 || label < 0) continue;
      const classes = new Set(data.classes);
      const changes = [];
      let skipped = 0;
      for (const cells of lines.filter((one) => (one[word] || "").trim() !== "")) {
        const row = /^\s*(-?\d+)(?:[.,]0{1,2})?\s*$/.exec(cells[index]);
        const said = cells[word].trim().toLowerCase();
        const name = plain(cells[label] || "");
        const free = said === "unsure" || said === "remove";
        if (row && words.has(said) && (free || classes.has(name))) changes.push([Number(row[1]), [said, free ? "" : name]]);
        else skipped += 1;
      }
      act(changes);
      return { read: changes.length, skipped };
    }
    return null;
  }

  return { decisions, act, undo, undoable: () => actions.length > 0, written, read };
}
