// What layers did against SPEC.md, where that is checked.

import { ask, clock, h } from "./dom.js";

export class Lint {
  constructor(list, told) {
    Object.assign(this, { list, told });
    this.all = [];
  }

  async load() {
    try {
      const all = await ask("lint");
      this.all = Array.isArray(all) ? all : [];
    } catch {
      // Nobody checks.
      this.all = [];
    }
    this.draw();
  }

  heard(offence) {
    this.all.unshift(offence);
    this.draw();
  }

  draw() {
    this.list.replaceChildren(...this.all.map((one) => {
      const { at, rule, handler, message, request, count } = one;
      return h("li", { class: "offence" },
        at && h("time", null, clock(at)),
        rule && h("strong", null, rule),
        handler && h("code", null, handler),
        h("span", null, message ?? JSON.stringify(one)),
        count > 1 && h("span", { class: "chip" }, `×${count}`),
        request && h("a", { href: `#request=${request}` }, `request ${request}`));
    }));
    this.told(this.all.length);
  }
}
