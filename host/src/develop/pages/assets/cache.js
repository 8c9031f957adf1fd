// What a cache did with a request, by the `cache-status` of its response (RFC 9211).

import { h } from "./dom.js";

// The member that a layer has added, as `{ name, hit, fwd, detail, key, … }`; null if it has added none.
export function added(below, above) {
  const [before, after] = [members(below), members(above)];
  return after.length > before.length ? after.at(-1) : null;
}

// A list of structured fields, whose strings may contain commas and semicolons (RFC 9651 §3.1).
export function members(headers) {
  const text = headers.filter(([name]) => name === "cache-status").map(([, value]) => value).join(", ");
  return split(text, ",").map((member) => {
    const [name, ...parameters] = split(member, ";");
    const pairs = parameters.map((parameter) => {
      const at = parameter.indexOf("=");
      return at < 0 ? [parameter, true] : [parameter.slice(0, at), bare(parameter.slice(at + 1))];
    });
    return { name, ...Object.fromEntries(pairs) };
  });
}

function split(text, separator) {
  const parts = [];
  let part = "";
  let quoted = false;
  for (let at = 0; at < text.length; at += 1) {
    if (quoted && text[at] === "\\") {
      part += text[at] + (text[at + 1] ?? "");
      at += 1;
      continue;
    }
    if (text[at] === '"') quoted = !quoted;
    if (text[at] === separator && !quoted) {
      parts.push(part.trim());
      part = "";
    } else part += text[at];
  }
  return [...parts, part.trim()].filter((one) => one !== "");
}

function bare(text) {
  return text.startsWith('"') ? text.slice(1, -1).replace(/\\(.)/g, "$1") : text;
}

// `hit`, `stale` or `miss`.
function outcome(status) {
  if (!status.hit) return "miss";
  return Number(status.ttl) < 0 ? "stale" : "hit";
}

export function chip(status) {
  const kind = outcome(status);
  return h("span", { class: `chip cache-${kind}`, "data-cache": kind }, kind);
}

const REASONS = {
  bypass: "the cache was not asked",
  method: "the method is not answered from a cache",
  "uri-miss": "nothing was stored for the URL",
  "vary-miss": "what was stored is for other values of the fields in Vary",
  request: "the client demanded it",
  stale: "the stored response was stale",
  partial: "only a part was stored",
};

// The decision in full.
export function decision(status) {
  const ttl = Number(status.ttl);
  const sent = {
    hit: "the stored response",
    stale: "the stored response, although it is stale",
    miss: status.collapsed ? "the response to another request at the same time" : "the response of the layers below",
  };
  const rows = [
    ["answer", sent[outcome(status)]],
    ["forwarded", status.fwd && (REASONS[status.fwd] ?? status.fwd)],
    ["status from below", status["fwd-status"]],
    ["stored now", status.hit ? null : status.stored ? "yes" : "no"],
    ["freshness", status.ttl !== undefined && (ttl < 0 ? `stale for ${-ttl} s` : `fresh for ${ttl} s`)],
    ["rule", status.detail],
    ["key", status.key && h("code", null, status.key)],
  ];
  return h("table", { class: "pairs cache" }, rows.filter(([, value]) => value).map(([name, value]) =>
    h("tr", null, h("th", { scope: "row" }, name), h("td", null, value))));
}
