// What layers did against SPEC.md, where that is checked.

import { ask, h } from "./dom.js";

export class Lint {
  constructor(list, told) {
    Object.assign(this, { list, told });
    this.all = [];
    this.due = false;
  }

  async load() {
    this.all = (await ask("lint")).reverse();
    this.draw();
  }

  // The same is told again each time that it is seen: at most once a frame the list is asked for.
  async heard() {
    if (this.due) return;
    this.due = true;
    await new Promise(requestAnimationFrame);
    this.due = false;
    await this.load();
  }

  draw() {
    this.list.replaceChildren(...this.all.map((one) => {
      const { rule, handler, message, request, count } = one;
      return h("li", { class: "offence" },
        h("strong", null, rule),
        h("code", null, handler),
        h("span", null, message),
        count > 1 && h("span", { class: "chip" }, `×${count}`),
        h("a", { href: `#request=${request}` }, `request ${request}`));
    }));
    this.told(this.all.length);
  }
}
