// One request on its way through the layers and back.

import { added, chip, decision } from "./cache.js";
import { h, clock, milliseconds } from "./dom.js";
import { brief, compare, shown, table } from "./headers.js";

// The element for a request. `state` holds which rows are open.
export function waterfall(request, state, again) {
  const total = Math.max(request.milliseconds, request.answered ?? 0, ...request.visits.map((visit) => visit.left ?? 0), 0.001);
  const rows = request.visits.map((visit, index) => row(request, visit, index, total, state, again));
  return h("div", { class: "waterfall" },
    h("div", { class: "summary" },
      h("h3", null, h("code", null, `${request.method} ${request.target}`)),
      h("p", null,
        status(request.status, request.ended),
        ` generation ${request.generation} · ${clock(request.at)} · ${milliseconds(request.milliseconds)}`,
        ending(request))),
    h("ol", { class: "layers", "aria-label": "layers, outermost first" }, rows, sent(request, total, state, again)),
    h("p", { class: "legend", "aria-hidden": "true" },
      h("span", { class: "own" }), " in the layer itself ",
      h("span", { class: "below" }), " in the layers below ",
      h("span", { class: "body" }), " the body, after the head"));
}

export function status(code, ended) {
  if (code === null) return h("span", { class: "status open" }, ended ? "none" : "…");
  return h("span", { class: `status s${Math.floor(code / 100)}` }, String(code));
}

function ending(request) {
  if (request.ended === null) return request.handler ? [" · in ", h("code", null, request.handler)] : " · in progress";
  return request.ended === "broken" ? h("strong", { class: "bad" }, " · aborted") : null;
}

function children(request, index) {
  return request.visits.filter((visit) => visit.from === index);
}

function depth(request, visit) {
  let steps = 0;
  for (let from = visit.from; from !== null; from = request.visits[from].from) steps += 1;
  return steps;
}

// The time in the layer itself: before, between and after the calls of the layers below.
function own(request, visit, index, now) {
  const end = visit.left ?? now;
  const parts = [];
  let at = visit.entered;
  for (const child of children(request, index)) {
    parts.push([at, child.entered]);
    at = child.left ?? end;
  }
  parts.push([at, end]);
  return parts.filter(([from, to]) => to > from);
}

function bar(kind, from, to, total, title) {
  const percent = (time) => `${((100 * time) / total).toFixed(3)}%`;
  return h("span", { class: kind, title, style: { left: percent(from), width: percent(Math.max(to - from, 0)) } });
}

function row(request, visit, index, total, state, again) {
  const below = children(request, index);
  const parts = own(request, visit, index, request.milliseconds);
  const down = below.length ? compare(visit.request, below[0].request) : [];
  const answered = below.at(-1);
  const up = visit.error ? [] : compare(answered?.response ?? [], visit.response);
  const cached = visit.error ? null : added(answered?.response ?? [], visit.response);
  const environment = below.length ? compare(visit.env, below[0].env) : [];
  const [before, after] = [parts[0], parts.at(-1)];
  const time = (part) => (part ? milliseconds(part[1] - part[0]) : "0 µs");
  const spoken = below.length ? `${time(before)} before next, ${time(after)} after` : "";
  const steps = depth(request, visit);
  return item({
    key: `visit-${index}`, state, again, handler: visit.handler, failed: visit.error !== null,
    name: h("code", { style: { "padding-left": `${steps * 0.9}em` } }, visit.handler),
    bars: [
      bar("below", visit.entered, visit.left ?? request.milliseconds, total, spoken),
      parts.map(([from, to]) => bar("own", from, to, total, milliseconds(to - from))),
    ],
    time: milliseconds(visit.own),
    chips: [cached && chip(cached), brief(up), visit.left === null && h("span", { class: "chip open" }, "running")],
    detail: () => [
      visit.error && h("p", { class: "bad" }, visit.error),
      path(visit, request.visits[visit.from]),
      cached && section(`cache ${cached.name}`, decision(cached)),
      below.length
        ? [
          section("changed in the request, on the way down", shownOrNone([...down])),
          environment.length > 0 && section("changed in the env", shown(environment)),
          section("changed in the response, on the way up", [
            answered.status !== visit.status && visit.status !== null
              && h("p", null, "status ", status(answered.status, true), " → ", status(visit.status, true)),
            shownOrNone(up),
          ]),
        ]
        : visit.status !== null && section("answered", [h("p", null, "status ", status(visit.status, true)), shownOrNone(up)]),
      h("p", { class: "times" }, below.length ? `${spoken}; ${milliseconds((visit.left ?? request.milliseconds) - visit.entered)} in all` : ""),
      all("request headers received", visit.request, `${index}-request`, state),
      visit.env.length > 0 && all("env received", visit.env, `${index}-env`, state),
      visit.status !== null && all("response headers returned", visit.response, `${index}-response`, state),
    ],
  });
}

// What the host changed in the outermost layer's response, and the time to send the body.
function sent(request, total, state, again) {
  if (request.answered === null) return null;
  const changes = compare(request.visits[0]?.error === null ? request.visits[0].response : [], request.response);
  return item({
    key: "sent", state, again, handler: "", failed: false,
    name: h("span", null, "to the client"),
    bars: [bar("body", request.answered, request.milliseconds, total, milliseconds(request.milliseconds - request.answered))],
    time: milliseconds(Math.max(request.milliseconds - request.answered, 0)),
    chips: brief(changes),
    detail: () => [
      section("added by stackup in development", shownOrNone(changes)),
      all("request headers received", request.request, "came", state),
      all("response headers sent", request.response, "went", state),
    ],
  });
}

function item({ key, state, again, handler, failed, name, bars, time, chips, detail }) {
  const open = state.open.has(key);
  const toggle = () => {
    if (open) state.open.delete(key);
    else state.open.add(key);
    again(key);
  };
  return h("li", { class: failed ? "failed" : null, "data-handler": handler },
    h("button", { type: "button", class: "row", "data-key": key, "aria-expanded": String(open), onclick: toggle },
      h("span", { class: "layer" }, name),
      h("span", { class: "track" }, bars),
      h("span", { class: "time" }, time),
      h("span", { class: "chips" }, chips)),
    open && h("div", { class: "detail" }, detail()));
}

function path(visit, above) {
  const moved = above && (above.script_name !== visit.script_name || above.path_info !== visit.path_info);
  const pair = (one) => h("code", null, `SCRIPT_NAME="${one.script_name}" PATH_INFO="${one.path_info}"`);
  return h("p", { class: "path" }, pair(visit), moved && [" after a map; above it ", pair(above)]);
}

function section(title, content) {
  return h("section", null, h("h4", null, title), content);
}

function shownOrNone(changes) {
  return changes.length ? shown(changes) : h("p", { class: "none" }, "nothing");
}

function all(title, pairs, key, state) {
  return h("details", {
    open: state.open.has(key),
    ontoggle: (event) => {
      if (event.target.open) state.open.add(key);
      else state.open.delete(key);
    },
  }, h("summary", null, title), table(pairs));
}
