// The reloads, newest first, and the generations that still exist.

import { coloured } from "./ansi.js";
import { clock, h, milliseconds, plural } from "./dom.js";
import { replay } from "./replays.js";

// `replays` has what the replay before each generation has found.
export function reloads(all, replays) {
  const found = new Map(replays.map((one) => [one.generation, one]));
  return all.map((one) => h("li", { class: `reload ${one.outcome}` },
    h("p", { class: "head" },
      h("time", null, clock(one.at)),
      h("strong", { class: "outcome" }, one.outcome === "refused" && one.stage ? `refused: ${one.stage}` : one.outcome),
      h("span", null, `generation ${one.generation} is active`),
      h("span", { class: "time" }, milliseconds(one.milliseconds))),
    one.changes.length > 0 && h("pre", { class: "diff" }, one.changes.map((change) => line(change))),
    one.instances && h("p", { class: "instances" }, one.instances),
    one.outcome === "swapped" && found.has(one.generation) && replay(found.get(one.generation)),
    one.error && h("pre", { class: "error" }, coloured(one.error.trimEnd())),
    one.stages.length > 0 && stages(one.stages)));
}

function line(change) {
  const kind = { "+": "added", "-": "removed", "~": "changed" }[change.trim()[0]] ?? "";
  return h("span", { class: kind }, `${change}\n`);
}

function stages(all) {
  const most = Math.max(...all.map(([, time]) => time), 0.001);
  return h("ul", { class: "stages" }, all.map(([name, time]) =>
    h("li", null,
      h("span", null, name),
      h("span", { class: "time" }, milliseconds(time)),
      h("span", { class: "track" }, h("span", { class: "own", style: { width: `${Math.max((100 * time) / most, 0.5)}%` } })))));
}

export function generations({ active, draining, retired }) {
  const since = (seconds) => milliseconds(seconds * 1000);
  return [
    active && h("li", { class: "active" }, h("strong", null, `generation ${active.number}`), ` active for ${since(active.seconds)}`),
    draining.map((one) => h("li", { class: one.stuck ? "draining bad" : "draining" },
      h("strong", null, `generation ${one.number}`), ` draining for ${since(one.seconds)}`,
      one.stuck ? ": a request does not end, so its handlers are leaked" : `, at most ${since(one.deadline_seconds)} more; held by`,
      h("ul", null,
        one.held_by.requests.map((request) => h("li", null,
          h("code", null, `${request.method} ${request.path}`),
          request.phase === "body" ? " sending its body" : " waiting",
          request.handler && [" in ", h("code", null, request.handler)],
          ` for ${since(request.seconds)}`)),
        one.held_by.tasks.map((task) => h("li", null,
          `task “${task.name}” of `, h("code", null, task.handler), ` for ${since(task.seconds)}`)),
        !one.held_by.requests.length && !one.held_by.tasks.length && h("li", null, "responses that are being sent")))),
    retired > 0 && h("li", { class: "retired" }, `${plural(retired, "generation")} retired`),
  ];
}
