// Lint's findings: where layers break a rule of SPEC.md.

import { ask, h, latest } from "./dom.js";

export class Lint {
  constructor(list, onCount) {
    Object.assign(this, { list, onCount });
    this.all = [];
    this.due = false;
    this.load = latest(() => ask("lint"), (all) => {
      this.all = all.reverse();
      this.draw();
    });
  }

  // A finding is reported each time that it occurs; the list is loaded at most once per frame.
  async received() {
    if (this.due) return;
    this.due = true;
    await new Promise(requestAnimationFrame);
    this.due = false;
    await this.load();
  }

  draw() {
    this.list.replaceChildren(...this.all.map((one) => {
      const { rule, handler, message, request, count } = one;
      return h("li", { class: "finding" },
        h("strong", null, rule),
        h("code", null, handler),
        h("span", null, message),
        count > 1 && h("span", { class: "chip" }, `×${count}`),
        h("a", { href: `#request=${request}` }, `request ${request}`));
    }));
    this.onCount(this.all.length);
  }
}
