// The last requests, newest first, and one of them in detail.

import { ask, clock, h, latest, milliseconds } from "./dom.js";
import { roving, settle } from "./list.js";
import { status, waterfall } from "./waterfall.js";

// As many as the host keeps.
const KEPT = 200;

export class Requests {
  constructor(list, detail) {
    Object.assign(this, { list, detail });
    this.all = new Map();
    this.chosen = null;
    this.state = { open: new Set() };
    this.due = false;
    // Requests that events reported while a list was on its way, each with its event: the list may be older.
    this.newer = new Map();
    this.load = latest(() => this.ask(), (all) => this.replace(all));
    roving(list, "[role=option]", { chosen: (row) => this.open(Number(row.dataset.number)) });
    list.addEventListener("click", (event) => {
      const row = event.target.closest("[role=option]");
      if (row) this.open(Number(row.dataset.number));
    });
    list.addEventListener("keydown", (event) => {
      const row = event.target.closest("[role=option]");
      if (!row || (event.key !== "Enter" && event.key !== " ")) return;
      event.preventDefault();
      this.open(Number(row.dataset.number));
    });
  }

  async ask() {
    this.asking = (this.asking ?? 0) + 1;
    try {
      return await ask("requests");
    } finally {
      this.asking -= 1;
    }
  }

  async replace(all) {
    this.all = new Map(all.reverse().map((one) => [one.number, one]));
    for (const request of this.newer.values()) this.put(request);
    if (!this.asking) this.newer.clear();
    this.draw();
    if (this.chosen !== null) await this.fetch();
  }

  put(request) {
    // An ended request does not change any more.
    if (this.all.get(request.number)?.ended && !request.ended) return;
    this.all.set(request.number, request);
    while (this.all.size > KEPT) this.all.delete(Math.min(...this.all.keys()));
  }

  // A request has started, progressed or ended.
  received(request) {
    if (this.asking) this.newer.set(request.number, request);
    this.put(request);
    this.soon();
    if (request.number === this.chosen) this.fetch();
  }

  // At most once per frame.
  soon() {
    if (this.due) return;
    this.due = true;
    requestAnimationFrame(() => {
      this.due = false;
      this.draw();
    });
  }

  draw() {
    const focused = this.list.contains(document.activeElement) ? document.activeElement.dataset.number : null;
    const newest = [...this.all.values()].sort((a, b) => b.number - a.number);
    this.list.replaceChildren(...newest.map((one) => this.row(one)));
    const stop = focused ?? String(this.chosen);
    settle(this.list, "[role=option]", (row) => row.dataset.number === stop);
    if (focused !== null) this.list.querySelector(`[data-number="${focused}"]`)?.focus({ preventScroll: true });
    document.getElementById("no-requests").hidden = newest.length > 0;
  }

  row(one) {
    return h("li", {
      role: "option", id: `request-${one.number}`, "data-number": one.number,
      "aria-selected": String(one.number === this.chosen),
    },
    status(one.status, one.ended),
    h("span", { class: "method" }, one.method),
    h("code", { class: "target", title: one.target }, one.target),
    h("span", { class: "where" }, one.ended === null && one.handler ? `in ${one.handler}` : ""),
    h("span", { class: "time" }, one.ended === null ? "…" : milliseconds(one.milliseconds)),
    h("span", { class: "generation", title: "generation" }, `g${one.generation}`),
    h("time", null, clock(one.at)));
  }

  async open(number) {
    if (this.chosen !== number) this.state.open.clear();
    this.chosen = number;
    history.replaceState(null, "", `#request=${number}`);
    for (const row of this.list.children) {
      row.setAttribute("aria-selected", String(Number(row.dataset.number) === number));
    }
    await this.fetch();
    document.getElementById(`request-${number}`)?.scrollIntoView({ block: "nearest" });
  }

  close() {
    if (this.chosen === null) return false;
    const row = document.getElementById(`request-${this.chosen}`);
    this.chosen = null;
    history.replaceState(null, "", location.pathname);
    this.detail.hidden = true;
    this.detail.replaceChildren();
    this.draw();
    if (row) document.getElementById(row.id)?.focus();
    return true;
  }

  async fetch() {
    const number = this.chosen;
    this.fetched = (this.fetched ?? 0) + 1;
    const turn = this.fetched;
    let shown = null;
    let failed = null;
    try {
      shown = await ask(`requests/${number}`);
    } catch (error) {
      failed = error;
    }
    // A later answer is newer, or about another request.
    if (turn !== this.fetched || number !== this.chosen) return;
    this.shown = shown;
    if (failed) this.fill(h("p", { class: "bad" }, `request ${number}: ${failed.message}`));
    else this.again();
  }

  // Redraws the request and keeps the focus on the row `key`.
  again(key = document.activeElement?.dataset?.key) {
    this.fill(waterfall(this.shown, this.state, (next) => this.again(next)));
    if (key) this.detail.querySelector(`[data-key="${key}"]`)?.focus({ preventScroll: true });
  }

  fill(content) {
    this.detail.hidden = false;
    this.detail.replaceChildren(
      h("button", { type: "button", class: "close", title: "Escape", onclick: () => this.close() }, "Close"),
      content,
    );
  }
}
