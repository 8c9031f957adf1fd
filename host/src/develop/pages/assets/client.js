// In each HTML page of `stackup dev`: shows what is wrong, and loads the page again when other code serves.
//
// Part of somebody else's page: it leaves nothing behind but one element and one name, and never throws.
(() => {
  "use strict";
  const own = document.currentScript;
  if (!own || window.stackupClient) return;
  const generation = Number(own.dataset.generation);
  // The answer to a form: to load it again would be to send the form again.
  const once = "once" in own.dataset;
  const framed = window.top !== window;
  const here = `stackup:${location.pathname}${location.search}`;

  let source = null;
  let overlay = null;
  let timer = 0;
  let panics = 0;
  const view = { state: null, lost: false, panics: 0, stale: false };
  window.stackupClient = { generation };

  // What is remembered from one page to the next; not where the site may not.
  const memory = {
    read(key) {
      try { return sessionStorage.getItem(key); } catch { return null; }
    },
    write(key, value) {
      try { sessionStorage.setItem(key, value); return true; } catch { return false; }
    },
    forget(key) {
      try { sessionStorage.removeItem(key); } catch { /* It was never there. */ }
    },
  };

  async function show() {
    // A frame's errors are those of the page around it.
    if (framed) return;
    const { state, lost, stale } = view;
    const quiet = !state?.problem && !state?.building && !lost && !stale && !panics;
    if (!overlay && quiet) return;
    try {
      overlay ??= import("/_stackup/overlay.js");
      (await overlay).show({ ...view, panics, generation });
    } catch {
      // The worker has just ended, say; the next news try again.
      overlay = null;
    }
  }

  function told(state) {
    view.state = state;
    if (state.generation && state.generation !== generation) reload(state.generation);
    show();
  }

  // Once for each change of generation: a page that comes from a cache would never stop.
  function reload(serving) {
    const step = `${generation}>${serving}`;
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
    source.addEventListener("state", (event) => attempt(() => told(JSON.parse(event.data))));
    source.addEventListener("log", (event) => attempt(() => {
      if (JSON.parse(event.data).fields?.event !== "panic") return;
      panics += 1;
      show();
    }));
    source.addEventListener("error", () => {
      // A worker that is replaced is back before anybody would read of it.
      timer ||= setTimeout(() => lost(true), 1200);
      if (source?.readyState !== EventSource.CLOSED) return;
      // It comes back by itself from all but an answer that is no stream.
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
    try { what(); } catch { /* The page matters more than what we have to say. */ }
  }

  // A browser has few connections to one site; pages that nobody sees need none.
  function look() {
    if (document.hidden) {
      clearTimeout(timer);
      timer = 0;
      disconnect();
    } else connect();
  }

  attempt(() => {
    scrollBack();
    document.addEventListener("visibilitychange", () => attempt(look));
    addEventListener("pagehide", () => attempt(disconnect));
    addEventListener("pageshow", (event) => attempt(() => { if (event.persisted) look(); }));
    look();
  });
})();
