// The active stack as a tree, paired with the directives in the manifest's text.

// A level: `{ label, place, items, levels, run, closed }`. `place` names it in the text, for edits; null if the
// text has no such level.
export function tree(stack) {
  const active = stack.generations.active;
  const lines = active?.stack ?? [];
  const slots = stack.slots;
  const handlers = active?.handlers ?? [];
  const root = level("", "top");
  const open = [root];
  let piece = 0;
  for (const line of lines) {
    const parent = open[line.depth] ?? root;
    open.length = line.depth + 1;
    if (line.handler === undefined) {
      if (line.label.startsWith("closed: ")) {
        parent.closed = line.label.slice("closed: ".length);
        continue;
      }
      const below = level(line.label, line.label.split(" ")[0]);
      parent.levels.push(below);
      open.push(below);
      continue;
    }
    const slot = slots[piece]?.handler === line.handler ? slots[piece] : null;
    const health = handlers[piece]?.handler === line.handler ? handlers[piece] : null;
    const layer = { ...line, slot: piece, config: slot?.config ?? {}, counts: slot?.counts ?? null, health };
    piece += 1;
    if (line.label.startsWith("run ")) parent.run = layer;
    else parent.items.push({ ...layer, plugin: line.handler, off: false, index: null });
  }
  const texts = new Map(stack.directives.map((one) => [one.level, one]));
  const top = texts.get("");
  if (top) pair(root, top, stack.directives);
  return root;
}

function level(label, key) {
  return { label, key, place: null, items: [], levels: [], run: null, closed: null };
}

// Gives each layer its index in the text, and adds directives of the text that are not in the stack.
function pair(live, text, all) {
  live.place = text.level;
  const items = [];
  const waiting = [...live.items];
  text.uses.forEach((use, index) => {
    const at = use.off ? -1 : waiting.findIndex((item) => item.plugin === use.plugin);
    // The layers before it are in the stack but not in the text.
    if (at >= 0) items.push(...waiting.splice(0, at), { ...waiting.shift(), index });
    else items.push({ plugin: use.plugin, off: use.off, index, absent: true });
  });
  live.items = [...items, ...waiting];
  live.of = text.uses.length;
  const below = all.filter((one) => isBelow(one.level, text.level));
  for (const child of live.levels) {
    const at = below.findIndex((one) => fits(child, one));
    if (at >= 0) pair(child, below.splice(at, 1)[0], all);
  }
}

function isBelow(level, parent) {
  const rest = parent === "" ? level : level.startsWith(`${parent}.`) ? level.slice(parent.length + 1) : "";
  return /^(map|cascade)\.\d+$/.test(rest);
}

function fits(live, text) {
  const label = live.key === "cascade" ? "cascade" : live.label;
  return label === text.label && (live.run === null || text.run === null || live.run.handler === text.run);
}
