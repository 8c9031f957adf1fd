// In each HTML page of `stackup dev`: shows problems, and reloads the page after a swap.
//
// It runs in a page of the site: it adds one element and one global name, and never throws.
(() => {
  "use strict";
  const own = document.currentScript;
  if (!own || window.stackupClient) return;
  const generation = Number(own.dataset.generation);
  // The answer to a form: a reload would send the form again.
  const once = "once" in own.dataset;
  const framed = window.top !== window;
  const here = `stackup:${location.pathname}${location.search}`;

  let source = null;
  let overlay = null;
  let timer = 0;
  let panics = 0;
  const view = { state: null, lost: false, panics: 0, stale: false };
  window.stackupClient = { generation };

  // State that survives a reload, where the browser allows storage.
  const memory = {
    read(key) {
      try { return sessionStorage.getItem(key); } catch { return null; }
    },
    write(key, value) {
      try { sessionStorage.setItem(key, value); return true; } catch { return false; }
    },
    forget(key) {
      try { sessionStorage.removeItem(key); } catch { /* Nothing was stored. */ }
    },
  };

  async function show() {
    // The page around a frame shows the problems.
    if (framed) return;
    const { state, lost, stale } = view;
    const quiet = !state?.problem && !state?.building && !lost && !stale && !panics;
    if (!overlay && quiet) return;
    try {
      overlay ??= import("/_stackup/overlay.js");
      (await overlay).show({ ...view, panics, generation });
    } catch {
      // The worker may have just ended; the next event tries again.
      overlay = null;
    }
  }

  function update(state) {
    view.state = state;
    if (state.generation && state.generation !== generation) reload(state.generation);
    show();
  }

  // Once per change of generation: a page from a cache would reload forever.
  function reload(active) {
    const step = `${generation}>${active}`;
    if (once || memory.read(here) === step || !memory.write(here, step)) {
      view.stale = once;
      return;
    }
    memory.write(`${here}:scroll`, `${scrollX} ${scrollY}`);
    disconnect();
    location.reload();
  }

  function scrollBack() {
    const place = memory.read(`${here}:scroll`);
    if (!place) return;
    memory.forget(`${here}:scroll`);
    const [x, y] = place.split(" ").map(Number);
    const restore = () => {
      if (scrollX === 0 && scrollY === 0) scrollTo({ left: x, top: y, behavior: "instant" });
    };
    if (document.readyState === "complete") restore();
    else addEventListener("load", restore, { once: true });
  }

  function connect() {
    if (source) return;
    source = new EventSource("/_stackup/events");
    source.addEventListener("open", () => lost(false));
    source.addEventListener("state", (event) => attempt(() => update(JSON.parse(event.data))));
    source.addEventListener("log", (event) => attempt(() => {
      if (JSON.parse(event.data).fields?.event !== "panic") return;
      panics += 1;
      show();
    }));
    source.addEventListener("error", () => {
      // A replaced worker is back before a message could be read.
      timer ||= setTimeout(() => lost(true), 1200);
      if (source?.readyState !== EventSource.CLOSED) return;
      // The browser reconnects by itself, except after a response that is no stream.
      disconnect();
      setTimeout(() => { if (!document.hidden) connect(); }, 2000);
    });
  }

  function disconnect() {
    source?.close();
    source = null;
  }

  function lost(is) {
    clearTimeout(timer);
    timer = 0;
    if (view.lost === is) return;
    view.lost = is;
    show();
  }

  function attempt(what) {
    try { what(); } catch { /* The site's page matters more than ours. */ }
  }

  // A browser limits the connections to a site, so hidden pages use none.
  function followVisibility() {
    if (document.hidden) {
      clearTimeout(timer);
      timer = 0;
      disconnect();
    } else connect();
  }

  attempt(() => {
    scrollBack();
    document.addEventListener("visibilitychange", () => attempt(followVisibility));
    addEventListener("pagehide", () => attempt(disconnect));
    addEventListener("pageshow", (event) => attempt(() => { if (event.persisted) followVisibility(); }));
    followVisibility();
  });
})();
