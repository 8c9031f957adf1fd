// The overlay: an error over the whole page, or a small sign in a corner.
//
// It is a shadow tree with its own style sheet, so neither the page's styles nor a policy against inline styles
// affect it.

import { coloured, plain } from "./ansi.js";

const STYLE = `
:host {
  all: initial !important;
  position: fixed !important;
  inset: 0 !important;
  z-index: 2147483647 !important;
  display: block !important;
  width: auto !important;
  height: auto !important;
  pointer-events: none !important;
  color-scheme: light dark !important;
  --paper: #fbfaf8; --ink: #22211f; --soft: #6a6660; --line: #d9d5cd; --code: #f1eee9;
  --bad: #b3261e; --red: #b3261e; --green: #24713a; --yellow: #8a5d00; --blue: #1f5fae;
  --magenta: #8a3aa8; --cyan: #0b6d78;
  font: 16px/1.5 system-ui, sans-serif !important;
}
@media (prefers-color-scheme: dark) {
  :host {
    --paper: #1b1c1e; --ink: #e6e4e0; --soft: #a09c95; --line: #3a3b3e; --code: #131415;
    --bad: #ff8a80; --red: #ff8a80; --green: #7fd694; --yellow: #e8c268; --blue: #82b4ff;
    --magenta: #dba0f0; --cyan: #6fd3df;
  }
}
* { box-sizing: border-box; }
[hidden] { display: none !important; }
.veil {
  pointer-events: auto;
  position: absolute; inset: 0;
  display: grid; grid-template-columns: minmax(0, 1fr); grid-template-rows: minmax(0, 1fr); place-items: start center;
  padding: clamp(.5rem, 6vh, 4rem) clamp(.5rem, 3vw, 2rem);
  background: color-mix(in srgb, #000 55%, transparent);
  overflow: auto;
}
.sheet {
  width: min(60rem, 100%);
  max-height: 100%;
  display: flex; flex-direction: column;
  color: var(--ink); background: var(--paper);
  border-top: 4px solid var(--bad); border-radius: 6px;
  box-shadow: 0 1rem 3rem #0006;
}
header { display: flex; align-items: baseline; gap: 1rem; padding: .9rem 1.1rem .5rem; }
h1 { flex: 1; margin: 0; font-size: 1.15rem; font-weight: 600; color: var(--bad); }
h1 small { font-size: .85rem; font-weight: 400; color: var(--soft); margin-left: .5rem; }
pre {
  flex: 1; margin: 0; padding: .9rem 1.1rem; min-height: 3rem; overflow: auto;
  font: 13px/1.55 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
  background: var(--code); border-block: 1px solid var(--line);
  white-space: pre-wrap; overflow-wrap: anywhere; tab-size: 4;
}
footer { padding: .6rem 1.1rem .8rem; color: var(--soft); font-size: .85rem; display: flex; flex-wrap: wrap; gap: .2rem 1rem; }
footer span { flex: 1 1 20rem; }
a { color: var(--blue); }
button, .signs a {
  font: inherit; font-size: .85rem; color: var(--ink); background: transparent;
  border: 1px solid var(--line); border-radius: 4px; padding: .15rem .6rem; cursor: pointer;
}
button:hover, .signs a:hover { border-color: var(--soft); }
:focus-visible { outline: 2px solid var(--blue); outline-offset: 2px; }
.signs {
  pointer-events: auto;
  position: absolute; right: .75rem; bottom: .75rem;
  display: flex; flex-direction: column; align-items: flex-end; gap: .35rem;
}
.signs > * {
  font: 13px/1.4 system-ui, sans-serif;
  padding: .2rem .6rem; border-radius: 4px; text-decoration: none;
  color: var(--ink); background: var(--paper); border: 1px solid var(--line);
  box-shadow: 0 1px 6px #0003;
}
.signs .bad { color: var(--bad); border-color: currentColor; }
.building::before {
  content: ""; display: inline-block; width: .5em; height: .5em; margin-right: .5em; border-radius: 50%;
  background: var(--yellow); animation: pulse 1.2s ease-in-out infinite alternate;
}
@keyframes pulse { from { opacity: .3; } to { opacity: 1; } }
@media (prefers-reduced-motion: reduce) { .building::before { animation: none; } }
.ansi-bold { font-weight: 700; } .ansi-dim { opacity: .7; }
.ansi-red { color: var(--red); } .ansi-green { color: var(--green); } .ansi-yellow { color: var(--yellow); }
.ansi-blue { color: var(--blue); } .ansi-magenta { color: var(--magenta); } .ansi-cyan { color: var(--cyan); }
.place { font-weight: 700; color: var(--ink); text-decoration: underline; text-underline-offset: 3px; }
`;

const parts = build();
// The problem that the user closed; it stays closed.
let closed = null;
let shown = null;
let focused = null;

// Shows the current state; nothing if there is no problem.
export function show({ state, lost, panics, stale, generation }) {
  const problem = state?.problem ?? null;
  const key = problem && `${problem.stage}\n${problem.text}`;
  if (key !== closed) closed = null;
  const opens = problem !== null && closed === null;
  if (opens && key !== shown) fill(problem, state.generation || generation);
  shown = key;
  parts.building.hidden = !state?.building || lost;
  parts.lost.hidden = !lost;
  parts.stale.hidden = !stale;
  parts.error.hidden = problem === null || opens;
  parts.error.textContent = problem ? `error: ${problem.stage || "the last change"}` : "";
  parts.panics.hidden = panics === 0;
  parts.panics.textContent = panics === 1 ? "1 panic" : `${panics} panics`;
  open(opens);
  place();
}

function fill(problem, generation) {
  parts.stage.textContent = problem.stage || "refused";
  parts.text.replaceChildren(coloured(problem.text.trimEnd()));
  parts.text.scrollTop = 0;
  parts.serving.textContent = generation
    ? `generation ${generation} keeps serving; this message closes when the error is fixed`
    : "there is no stack yet; this message closes when the error is fixed";
  parts.sheet.setAttribute("aria-label", `${problem.stage}: ${plain(problem.text).split("\n")[0]}`);
}

function open(is) {
  if (parts.veil.hidden === !is) return;
  parts.veil.hidden = !is;
  if (is) {
    focused = document.activeElement;
    addEventListener("keydown", key, true);
    place();
    parts.close.focus({ preventScroll: true });
  } else {
    removeEventListener("keydown", key, true);
    focused?.focus?.({ preventScroll: true });
    focused = null;
  }
}

function close() {
  closed = shown;
  parts.error.hidden = false;
  parts.error.textContent = `error: ${parts.stage.textContent}`;
  open(false);
}

function key(event) {
  if (event.key === "Escape") {
    event.stopPropagation();
    event.preventDefault();
    close();
  }
}

// Keeps the overlay in the page, above the page's own dialogs.
function place() {
  const { host } = parts;
  if (!host.isConnected) document.documentElement.append(host);
  try {
    if (!host.matches(":popover-open")) host.showPopover();
  } catch {
    // Without popovers its z-index must do.
  }
}

function build() {
  const host = document.createElement("stackup-overlay");
  host.setAttribute("popover", "manual");
  const root = host.attachShadow({ mode: "open" });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(STYLE);
  root.adoptedStyleSheets = [sheet];
  const make = (parent, tag, name, text = "") => {
    const element = document.createElement(tag);
    if (name) element.className = name;
    element.textContent = text;
    parent.append(element);
    return element;
  };
  const veil = make(root, "div", "veil");
  veil.hidden = true;
  const dialog = make(veil, "section", "sheet");
  dialog.setAttribute("role", "alertdialog");
  const header = make(dialog, "header");
  const title = make(header, "h1");
  const stage = make(title, "span", "stage");
  make(title, "small", "", "the last change was refused");
  const closer = make(header, "button", "close", "Close");
  closer.type = "button";
  closer.title = "Escape";
  closer.addEventListener("click", close);
  const text = make(dialog, "pre", "text");
  text.tabIndex = 0;
  const footer = make(dialog, "footer");
  const serving = make(footer, "span", "serving");
  link(make(footer, "a", "", "inspector"));
  const signs = make(root, "div", "signs");
  signs.setAttribute("role", "status");
  const error = make(signs, "button", "error bad");
  error.type = "button";
  error.addEventListener("click", () => {
    closed = null;
    error.hidden = true;
    open(true);
  });
  const panics = link(make(signs, "a", "panics bad"));
  const stale = make(signs, "span", "stale", "this page is out of date");
  const lost = make(signs, "span", "lost bad", "no connection to stackup");
  const building = make(signs, "span", "building", "building…");
  for (const sign of signs.children) sign.hidden = true;
  return {
    host, veil, sheet: dialog, stage, close: closer, text, serving,
    error, panics, stale, lost, building,
  };
}

function link(element) {
  element.href = "/_stackup/";
  element.target = "stackup";
  return element;
}
