// Keyboard navigation in a list: arrows, Home and End move between items; one item has the tab stop.

export function roving(list, selector, { chosen } = {}) {
  const items = () => [...list.querySelectorAll(selector)];
  list.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const all = items();
    const at = all.indexOf(event.target.closest(selector));
    const to = { ArrowDown: at + 1, ArrowRight: at + 1, ArrowUp: at - 1, ArrowLeft: at - 1, Home: 0, End: all.length - 1 }[event.key];
    if (at < 0 || to === undefined || event.target !== all[at]) return;
    event.preventDefault();
    const next = all[Math.max(0, Math.min(to, all.length - 1))];
    stop(all, next);
    next.focus();
    chosen?.(next);
  });
  list.addEventListener("focusin", (event) => {
    const item = event.target.closest(selector);
    if (item && list.contains(item)) stop(items(), item);
  });
}

// Restores the single tab stop after a redraw, on the same item if it still exists.
export function settle(list, selector, wanted) {
  const all = [...list.querySelectorAll(selector)];
  stop(all, all.find(wanted) ?? all[0]);
}

function stop(all, one) {
  for (const item of all) item.tabIndex = item === one ? 0 : -1;
}
