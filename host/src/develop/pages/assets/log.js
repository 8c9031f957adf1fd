// The log, filtered. It follows its end unless the user has scrolled up.

import { coloured } from "./ansi.js";
import { ask, clock, h } from "./dom.js";

const LEVELS = ["error", "warn", "info", "debug", "trace"];
const KEPT = 500;

export class Log {
  constructor(list, handlers, level) {
    Object.assign(this, { list, handlers, level });
    this.all = [];
    this.follows = true;
    handlers.addEventListener("change", () => this.draw());
    level.addEventListener("change", () => this.draw());
    list.addEventListener("scroll", () => {
      this.follows = list.scrollHeight - list.scrollTop - list.clientHeight < 24;
    });
  }

  async load() {
    // Lines that events report while the list is on its way may be missing in it.
    const newer = [];
    this.newer = newer;
    const all = await ask("log");
    if (this.newer !== newer) return;
    this.newer = null;
    const known = new Set(all.map((line) => JSON.stringify(line)));
    this.all = [...all, ...newer.filter((line) => !known.has(JSON.stringify(line)))].slice(-KEPT);
    for (const line of this.all) this.addHandler(line.handler);
    this.draw();
  }

  received(line) {
    this.newer?.push(line);
    this.all.push(line);
    this.addHandler(line.handler);
    if (this.all.length > KEPT) this.all.shift();
    if (!this.wants(line)) return;
    this.list.append(this.line(line));
    while (this.list.childElementCount > KEPT) this.list.firstChild.remove();
    this.tail();
  }

  draw() {
    this.list.replaceChildren(...this.all.filter((line) => this.wants(line)).map((line) => this.line(line)));
    this.tail();
  }

  // Scrolls to the end.
  tail() {
    if (this.follows) this.list.scrollTop = this.list.scrollHeight;
  }

  addHandler(handler) {
    if (!handler || [...this.handlers.options].some((option) => option.value === handler)) return;
    this.handlers.append(h("option", { value: handler }, handler));
  }

  wants(line) {
    const whose = this.handlers.value;
    const from = whose === "" || (whose === "-" ? !line.handler : line.handler === whose);
    return from && LEVELS.indexOf(line.level) <= LEVELS.indexOf(this.level.value);
  }

  line(line) {
    const { event, ...fields } = line.fields ?? {};
    const rest = line.handler ? Object.entries(fields) : [];
    return h("li", { class: line.level },
      h("time", null, clock(line.at)),
      h("span", { class: "level" }, line.level),
      h("span", { class: "handler" }, line.handler ?? "stackup"),
      h("span", { class: "message" }, coloured(line.message),
        rest.map(([name, value]) => h("span", { class: "field" }, ` ${name}=${typeof value === "string" ? value : JSON.stringify(value)}`))));
  }
}
