// Compares the headers of neighbouring layers.

import { h } from "./dom.js";

// The differences by name: `{ kind, name, before, after }`; `kind` is `added`, `removed` or `changed`.
export function compare(before, after) {
  const [old, now] = [grouped(before), grouped(after)];
  const changes = [];
  for (const name of new Set([...old.keys(), ...now.keys()])) {
    const [was, is] = [old.get(name), now.get(name)];
    if (was === undefined) changes.push({ kind: "added", name, after: is });
    else if (is === undefined) changes.push({ kind: "removed", name, before: was });
    else if (was.join("\n") !== is.join("\n")) changes.push({ kind: "changed", name, before: was, after: is });
  }
  return changes;
}

function grouped(pairs) {
  const groups = new Map();
  for (const [name, value] of pairs) groups.set(name, [...(groups.get(name) ?? []), value]);
  return groups;
}

const SIGNS = { added: "+", removed: "−", changed: "~" };

// The changes as a list.
export function shown(changes) {
  return h("ul", { class: "changes" }, changes.map(({ kind, name, before, after }) =>
    h("li", { class: kind, "data-name": name },
      h("span", { class: "sign", "aria-label": kind }, SIGNS[kind]),
      h("code", { class: "name" }, name),
      h("span", { class: "values" },
        before && h("del", null, values(before)),
        after && h("ins", null, values(after))))));
}

// All headers as a table.
export function table(pairs) {
  if (!pairs.length) return h("p", { class: "none" }, "none");
  return h("table", { class: "pairs" }, pairs.map(([name, value]) =>
    h("tr", null, h("th", { scope: "row" }, name), h("td", null, values([value])))));
}

function values(all) {
  return all.join(", ") || "(empty)";
}

// `+2 −1 ~1`.
export function brief(changes) {
  const count = (kind) => changes.filter((change) => change.kind === kind).length;
  const parts = Object.entries(SIGNS).map(([kind, sign]) => [kind, `${sign}${count(kind)}`, count(kind)]);
  return parts.filter(([, , number]) => number).map(([kind, text]) => h("span", { class: `chip ${kind}` }, text));
}
