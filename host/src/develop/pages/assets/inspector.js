// The inspector: the stack, its requests, its reloads and its log, kept up to date.

import { coloured } from "./ansi.js";
import { ask, latest, plural } from "./dom.js";
import { Lint } from "./lint.js";
import { Log } from "./log.js";
import { generations, reloads } from "./reloads.js";
import { Requests } from "./requests.js";
import { Stack } from "./stack.js";

// Counters may be this old, in milliseconds.
const REFRESH = 1000;

const at = (id) => document.getElementById(id);
let retiring = false;

function failed(message) {
  at("failed").textContent = message;
  at("failed").hidden = !message;
}

// Runs `what` and shows its error on the page.
async function attempt(what) {
  try {
    await what();
  } catch (error) {
    // A lost connection is shown beside the title.
    if (!(error instanceof TypeError)) failed(error.message);
  }
}

const stack = new Stack(at("stack"), at("undo"), (all) => {
  retiring = all.draining.length > 0;
  at("generations").replaceChildren(...generations(all).flat().filter(Boolean));
}, failed);
const requests = new Requests(at("requests"), at("request"));
const log = new Log(at("log"), at("log-handler"), at("log-level"));
const lint = new Lint(at("findings"), (count) => {
  at("tab-lint").hidden = count === 0;
  at("tab-lint").textContent = plural(count, "finding");
});

const loadReloads = latest(() => Promise.all([ask("reloads"), ask("replays")]), ([all, replays]) => {
  at("reloads").replaceChildren(...reloads(all, replays));
  at("no-reloads").hidden = all.length > 0;
});

function loadAll() {
  return Promise.all([stack.load(), requests.load(), log.load(), lint.load(), loadReloads()].map((one) => attempt(() => one)));
}

function showState(state) {
  const { generation, problem, building } = state;
  at("serves").textContent = generation ? `generation ${generation} is active` : "";
  at("building").hidden = !building;
  at("problem").hidden = problem === null;
  if (problem) {
    at("problem-stage").textContent = problem.stage || "refused";
    at("problem-text").replaceChildren(coloured(problem.text.trimEnd()));
  }
}

function connected(is) {
  at("lost").hidden = is;
}

// Reloads counters that no event carries, at most once per `REFRESH`.
let stale = false;
function soon() {
  stale = true;
}
setInterval(() => {
  if (document.hidden || !(stale || retiring)) return;
  stale = false;
  attempt(() => stack.load());
}, REFRESH);

function listen() {
  const source = new EventSource("/_stackup/events");
  const on = (kind, what) => source.addEventListener(kind, (event) => attempt(() => what(event.data ? JSON.parse(event.data) : {})));
  let timer = 0;
  source.addEventListener("open", () => {
    clearTimeout(timer);
    timer = 0;
    connected(true);
    // Events were missed while disconnected; the worker may be another one.
    loadAll();
  });
  source.addEventListener("error", () => {
    timer ||= setTimeout(() => connected(false), 1200);
    if (source.readyState === EventSource.CLOSED) {
      source.close();
      setTimeout(listen, 2000);
    }
  });
  on("state", showState);
  on("reload", async () => {
    await loadReloads();
    await stack.settled();
  });
  on("request", (request) => {
    requests.received(request);
    soon();
  });
  on("log", (line) => log.received(line));
  on("replay", loadReloads);
  on("offence", () => lint.received());
  on("missed", loadAll);
}

// Tabs (WAI-ARIA: tabs with automatic activation).
const tabs = [...document.querySelectorAll("[role=tab]")];

function choose(tab) {
  for (const one of tabs) {
    const is = one === tab;
    one.setAttribute("aria-selected", String(is));
    one.tabIndex = is ? 0 : -1;
    at(one.getAttribute("aria-controls")).hidden = !is;
  }
  if (tab.id === "tab-log") log.tail();
}

for (const tab of tabs) {
  tab.addEventListener("click", () => choose(tab));
  tab.addEventListener("keydown", (event) => {
    const shown = tabs.filter((one) => !one.hidden);
    const here = shown.indexOf(tab);
    const next = { ArrowRight: here + 1, ArrowLeft: here - 1, Home: 0, End: shown.length - 1 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    const other = shown[(next + shown.length) % shown.length];
    choose(other);
    other.focus();
  });
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && requests.close()) event.preventDefault();
});

function openByAddress() {
  const number = /^#request=(\d+)$/.exec(location.hash)?.[1];
  if (!number) return;
  choose(at("tab-requests"));
  attempt(() => requests.open(Number(number)));
}

addEventListener("hashchange", openByAddress);
openByAddress();
listen();
