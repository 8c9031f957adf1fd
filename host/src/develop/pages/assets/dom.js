// Builds elements in one line. Text is only ever inserted as text.

// `h("li", { class: "a", onclick }, "text", child, …)`; null and false are skipped.
export function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") for (const [key, one] of Object.entries(value)) element.style.setProperty(key, one);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export function milliseconds(time) {
  if (time >= 10000) return `${(time / 1000).toFixed(1)} s`;
  if (time >= 100) return `${time.toFixed(0)} ms`;
  if (time >= 1) return `${time.toFixed(1)} ms`;
  return `${(time * 1000).toFixed(0)} µs`;
}

export function clock(at) {
  return new Date(at).toLocaleTimeString([], { hour12: false });
}

export function plural(count, one, many = `${one}s`) {
  return `${count} ${count === 1 ? one : many}`;
}

// Runs `load` for `use`. An answer that arrives after that of a later call is dropped: it is out of date.
export function latest(load, use) {
  let started = 0;
  let used = 0;
  return async () => {
    started += 1;
    const turn = started;
    const answer = await load();
    if (turn < used) return;
    used = turn;
    await use(answer);
  };
}

// JSON from the host. A refusal throws the host's message.
export async function ask(path, body) {
  const options = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
  const response = await fetch(`/_stackup/api/${path}`, options);
  const text = await response.text();
  let value;
  try { value = JSON.parse(text); } catch { throw new Error(text.trim() || response.statusText); }
  if (!response.ok) throw new Error(value.error ?? response.statusText);
  return value;
}
