// The stack as a tree, with the controls that edit it.

import { ask, h, milliseconds, plural } from "./dom.js";
import { tree } from "./levels.js";
import { roving, settle } from "./list.js";

// How long to wait for the reload that an edit causes, in milliseconds.
const RELOAD_TIMEOUT = 5000;

export class Stack {
  constructor(root, undo, showGenerations, failed) {
    Object.assign(this, { root, undo, showGenerations, failed });
    this.focus = null;
    this.waits = 0;
    roving(root, ".layer[tabindex]");
    root.addEventListener("keydown", (event) => {
      const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
      const layer = event.target.closest(".layer");
      if (!event.altKey || !step || !layer?.item) return;
      event.preventDefault();
      this.step(layer.item, step);
    });
    undo.addEventListener("click", () => this.change("undo", {}));
  }

  async load() {
    if (this.waits) return;
    this.loads = (this.loads ?? 0) + 1;
    const turn = this.loads;
    const stack = await ask("stack");
    // A later answer is newer; after an edit, its reload draws the stack.
    if (turn !== this.loads || this.waits) return;
    this.undo.disabled = !stack.undo;
    document.getElementById("manifest").textContent = stack.manifest;
    this.showGenerations(stack.generations);
    const drawn = JSON.stringify([stack.generations.active?.stack, stack.directives]);
    const focused = this.root.contains(document.activeElement) ? document.activeElement : null;
    // Only counters have changed: updating them in place keeps the focus.
    if (drawn === this.drawn && focused) {
      this.count(stack);
      return;
    }
    this.drawn = drawn;
    const key = this.focus ?? focused?.closest(".layer")?.dataset.key;
    const button = this.focus === null && focused?.dataset.does;
    this.focus = null;
    this.root.replaceChildren(this.level(tree(stack)));
    settle(this.root, ".layer", (layer) => layer.dataset.key === key);
    if (!key) return;
    const layer = [...this.root.querySelectorAll(".layer")].find((one) => one.dataset.key === key);
    (layer?.querySelector(`[data-does="${button}"]:not(:disabled)`) ?? layer)?.focus({ preventScroll: true });
  }

  count(stack) {
    const fill = (level) => {
      for (const item of [...level.items, level.run]) {
        if (!item?.counts) continue;
        const facts = this.root.querySelector(`[data-slot="${item.slot}"] .facts`);
        facts?.replaceWith(factsOf(item));
      }
      level.levels.forEach(fill);
    };
    fill(tree(stack));
  }

  level(level) {
    return h("ul", { class: "level" },
      level.items.map((item, at) => this.layer(level, item, at)),
      level.levels.map((below) => h("li", { class: `branch ${below.key}` },
        h("p", { class: "branch-label" }, h("code", null, below.label)),
        this.level(below))),
      level.run && this.layer(level, level.run, null),
      level.closed && h("li", { class: "layer closed bad" }, `closed: ${level.closed}`));
  }

  layer(level, item, at) {
    const uses = at !== null;
    const name = uses ? item.plugin : item.handler;
    const index = uses ? item.index : null;
    const config = Object.keys(item.config ?? {}).length ? JSON.stringify(item.config, null, 1).replace(/\n\s*/g, " ") : "";
    const absent = item.absent === true;
    const element = h("li", {
      class: `layer ${uses ? "use" : "run"}${absent ? " absent" : ""}${item.health?.out_of_service ? " bad" : ""}`,
      tabindex: "-1", "data-handler": name, "data-slot": item.slot ?? null, "data-key": `${level.place}/${uses ? index : "run"}/${name}`,
      draggable: uses && index !== null ? "true" : null,
      "aria-keyshortcuts": uses && index !== null ? "Alt+ArrowUp Alt+ArrowDown" : null,
      "aria-label": `${uses ? "use" : "run"} ${name}${absent ? ", not in the stack" : ""}`,
    },
    h("div", { class: "title" },
      h("span", { class: "word" }, uses ? "use" : "run"),
      h("code", { class: "name" }, name),
      !absent && h("span", { class: "version" }, item.version, " ", h("code", { title: "fingerprint" }, item.fingerprint)),
      absent && h("span", { class: "chip" }, item.off ? "off" : "not in this environment"),
        item.health?.out_of_service && h("span", { class: "chip bad" }, "out of service")),
    config && h("code", { class: "config" }, config),
    !absent && factsOf(item),
    uses && index !== null && this.buttons(level, item, at));
    element.item = { level, item, at };
    if (uses && index !== null) this.drag(element);
    return element;
  }

  buttons(level, item, at) {
    const can = (step) => target(level, at, step) !== null;
    const button = (does, text, label, enabled, action) =>
      h("button", { type: "button", "data-does": does, "aria-label": `${label} ${item.plugin}`, title: label, disabled: !enabled, onclick: action }, text);
    const one = { level, item, at };
    const switchable = item.off || !item.absent;
    return h("div", { class: "buttons" },
      button("up", "↑", "move outward:", can(-1), () => this.step(one, -1)),
      button("down", "↓", "move inward:", can(1), () => this.step(one, 1)),
      switchable && button("off", item.off ? "on" : "off", item.off ? "switch on:" : "switch off:", true,
        () => this.edit(level, item, { off: !item.off }, item.index)));
  }

  step({ level, item, at }, step) {
    const to = item.index === null || item.index === undefined ? null : target(level, at, step);
    if (to !== null) this.edit(level, item, { move: to }, to);
  }

  drag(element) {
    const { level, item } = element.item;
    element.addEventListener("dragstart", (event) => {
      this.dragged = { level, item };
      event.dataTransfer.effectAllowed = "move";
      event.dataTransfer.setData("text/plain", item.plugin);
    });
    element.addEventListener("dragend", () => { this.dragged = null; });
    element.addEventListener("dragover", (event) => {
      if (this.dragged?.level !== level || this.dragged.item === item) return;
      event.preventDefault();
      element.classList.add("target");
    });
    element.addEventListener("dragleave", () => element.classList.remove("target"));
    element.addEventListener("drop", (event) => {
      event.preventDefault();
      element.classList.remove("target");
      const { dragged } = this;
      if (dragged?.level === level && dragged.item !== item) {
        this.edit(level, dragged.item, { move: item.index }, item.index);
      }
    });
  }

  edit(level, item, change, index) {
    const { plugin } = item;
    this.focus = `${level.place}/${index}/${plugin}`;
    return this.change("edit", { level: level.place, index: item.index, plugin, ...change });
  }

  async change(path, body) {
    this.root.setAttribute("aria-busy", "true");
    clearTimeout(this.waits);
    this.waits = setTimeout(() => this.settled(), RELOAD_TIMEOUT);
    this.failed("");
    try {
      await ask(path, body);
    } catch (error) {
      this.failed(error.message);
      this.settled();
    }
  }

  // The reload after an edit has ended.
  settled() {
    clearTimeout(this.waits);
    this.waits = 0;
    this.root.removeAttribute("aria-busy");
    return this.load();
  }
}

// The index in the text of the nearest item that has one.
function target(level, at, step) {
  for (let next = at + step; level.items[next]; next += step) {
    const { index } = level.items[next];
    if (index !== null && index !== undefined) return index;
  }
  return null;
}

function factsOf(item) {
  const { counts, health } = item;
  const born = h("span", { class: `born ${item.kept ? "kept" : "new"}` },
    item.kept ? `unchanged since generation ${item.born}` : "new in this generation");
  if (!counts) return h("p", { class: "facts" }, born);
  const each = counts.calls ? ` · ${milliseconds(counts.milliseconds / counts.calls)} each` : "";
  return h("p", { class: "facts" },
    born, " · ", `${plural(counts.calls, "call")}${each}`,
    counts.failures > 0 && h("span", { class: "bad" }, ` · ${plural(counts.failures, "failure")}`),
    health?.panics > 0 && h("span", { class: "bad" }, ` · ${plural(health.panics, "panic")}`),
    health?.blocks > 0 && h("span", { class: "bad" }, ` · blocked ${plural(health.blocks, "time")}`));
}
