// What the edit before a generation changed: answers of old and new code to the last requests.

import { ask, h, plural } from "./dom.js";

// The diffs that are open, by their address: a redraw leaves them open.
const open = new Set();

export function replay(report) {
  const { compared, left_out: leftOut, differing } = report;
  const same = differing.length === 0;
  return h("section", { class: "replay" },
    h("p", { class: same ? "none" : null },
      same ? `${plural(compared, "answer is", "answers are")} the same as before`
        : `${differing.length} of ${plural(compared, "answer")} ${differing.length === 1 ? "differs" : "differ"}`,
      leftOut > 0 && ` (${leftOut} not compared, for lack of time)`),
    h("ul", null, differing.map((one, index) => differs(one, `replays/${report.generation}/${index}`))));
}

function differs({ number, method, target, outcome, headers, body }, address) {
  return h("li", null,
    h("p", { class: "head" },
      h("a", { href: `#request=${number}` }, h("code", null, `${method} ${target}`)),
      outcome && h("code", null, `${outcome[0]} → ${outcome[1]}`),
      body && body.kind !== "lines" && h("code", null, bytes(body))),
    headers.length > 0 && h("ul", { class: "changes" }, headers.map(field)),
    body?.kind === "lines" && lines(body, address));
}

function bytes(body) {
  if (body.kind === "end") return `body ${body.how}`;
  return body.before === body.after ? `body of ${body.after} bytes` : `body ${body.before} → ${body.after} bytes`;
}

function field({ name, mark, before, after }) {
  const kind = { "+": "added", "-": "removed", "~": "changed" }[mark];
  return h("li", { class: kind },
    h("span", { class: "sign" }, mark === "-" ? "−" : mark),
    h("code", { class: "name" }, name),
    h("span", { class: "values" },
      before.length > 0 && h("del", null, before.join(", ")),
      " ",
      after.length > 0 && h("ins", null, after.join(", "))));
}

// The diff of two bodies, which is fetched when it is opened.
function lines({ removed, added }, address) {
  const counts = [removed > 0 && `−${removed}`, added > 0 && `+${added}`].filter(Boolean).join(" ");
  const diff = h("pre", { class: "diff" });
  const details = h("details", { open: open.has(address) },
    h("summary", null, `body ${counts} ${Math.max(removed, added) === 1 ? "line" : "lines"}`),
    diff);
  details.addEventListener("toggle", () => {
    if (details.open) open.add(address);
    else open.delete(address);
    if (details.open) show(diff, address);
  });
  return details;
}

async function show(place, address) {
  try {
    const { diff } = await ask(address);
    place.replaceChildren(...diff.trimEnd().split("\n").map((line) => h("span", { class: kind(line) }, `${line}\n`)));
  } catch (error) {
    place.textContent = error.message;
  }
}

function kind(line) {
  return { "+": "added", "-": "removed", "@": "place-in-file" }[line[0]] ?? "";
}
