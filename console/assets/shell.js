"use strict";
// What all pages share in the browser: theme, times in the viewer's zone, the live message, banners.
(() => {
  const root = document.documentElement;
  const SILENT_MS = 8000;
  const THEMES = ["auto", "light", "dark"];
  const stored = () => {
    try {
      return localStorage.getItem("fanwatch-theme") || "auto";
    } catch {
      return "auto";
    }
  };
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  function applyTheme() {
    const wanted = stored();
    const dark = wanted === "dark" || (wanted === "auto" && system.matches);
    root.dataset.theme = dark ? "dark" : "light";
    root.dataset.themeChoice = wanted;
    if (window.Quasar) window.Quasar.Dark.set(dark);
    window.dispatchEvent(new CustomEvent("fanwatch:theme", { detail: { dark } }));
  }
  applyTheme();
  system.addEventListener("change", applyTheme);

  // Times in the viewer's zone.
  const clock = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const second = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
  const day = new Intl.DateTimeFormat([], { weekday: "short", day: "numeric", month: "short" });
  const date = new Intl.DateTimeFormat([], { day: "numeric", month: "short" });
  const weekday = new Intl.DateTimeFormat([], { weekday: "short" });
  let offset = 0; // the server's clock minus this one, ms
  const now = () => Date.now() + offset;
  const sameDay = (a, b) => new Date(a).toDateString() === new Date(b).toDateString();
  function length(ms) {
    const s = Math.max(0, Math.round(ms / 1000));
    if (s < 60) return `${s} s`;
    if (s < 3600) return `${Math.round(s / 60)} min`;
    if (s < 2 * 86400) return `${Math.round(s / 3600)} h`;
    return `${Math.round(s / 86400)} d`;
  }
  // Of a fan whose past comes in, `current` is the fan's own time: its today is not the viewer's.
  function when(ms, current = now()) {
    if (sameDay(ms, current)) return clock.format(ms);
    if (Math.abs(ms - current) < 6 * 86400e3) return `${weekday.format(ms)} ${clock.format(ms)}`;
    return `${date.format(ms)} ${clock.format(ms)}`;
  }
  // From one time to another: a day is named where it is another one than the first's, today's as well.
  function between(from, to, current = now()) {
    if (sameDay(from, to)) return `${when(from, current)} – ${clock.format(to)}`;
    const named = (ms) => (sameDay(ms, current) ? `today ${clock.format(ms)}` : when(ms, current));
    return `${named(from)} – ${named(to)}`;
  }
  const ago = (ms) => (ms > now() ? `in ${length(ms - now())}` : `${length(now() - ms)} ago`);
  // How long it is from `at` until something happens between two times, each end rounded outwards in a unit of its own.
  const UNITS = [
    [60e3, 2 * 3600e3, "min", "minute"],
    [3600e3, 48 * 3600e3, "h", "hour"],
    [86400e3, Infinity, "d", "day"],
  ];
  function ends(earliest, latest, at) {
    const [from, to] = [Math.max(0, earliest - at), latest - at].map((ms) => [ms, UNITS.find((unit) => ms < unit[1])]);
    const low = Math.floor(from[0] / from[1][0]);
    const high = Math.max(1, Math.ceil(to[0] / to[1][0]));
    return { low, high, unit: from[1], last: to[1], same: from[1] === to[1], soon: from[0] < 0.1 * to[0] || !low };
  }
  function span(earliest, latest, at = now()) {
    if (latest <= at) return "overdue";
    const { low, high, unit, last, same, soon } = ends(earliest, latest, at);
    if (soon) return `up to ${high} ${last[2]}`;
    if (!same) return `${low} ${unit[2]} – ${high} ${last[2]}`;
    return low === high ? `${high} ${last[2]}` : `${low}–${high} ${last[2]}`;
  }
  // The same as the end of a sentence: `within 4 days`.
  function within(earliest, latest, at = now()) {
    if (latest <= at) return `and was expected to by ${when(latest, at)}`;
    const { low, high, unit, last, same, soon } = ends(earliest, latest, at);
    const many = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;
    if (soon) return `within ${many(high, last[3])}`;
    if (!same) return `in ${many(low, unit[3])} to ${many(high, last[3])}`;
    return low === high ? `in ${many(high, last[3])}` : `in ${low} to ${many(high, last[3])}`;
  }
  // A sentence has marks for its times (MARK in words.py); a viewer reads them in their own zone.
  const MARKED = /\ue000(-?\d+)\ue000/g;
  const local = (text, current = now()) => text.replace(MARKED, (_, ms) => when(Number(ms), current));
  // What is wrong, and why. `lead` says how they belong together: see told() in words.py.
  function split(cause, told, lead, current = now()) {
    if (!cause || lead) return [told.slice(0, Math.max(lead, 0)), local(told.slice(Math.max(lead, 0)), current)];
    return [told ? `${cause}. ` : cause, local(told, current)];
  }
  // A signal's value as it is shown; and whether that is outside what is shown as healthy: nobody can see more than is
  // written.
  const shown = (value, signal) => value.toFixed(signal.digits);
  const outside = (value, signal) => {
    if (signal.to === undefined) return false;
    const [it, low, high] = [value, signal.low, signal.high].map((each) => Number(shown(each, signal)));
    return it < low || it > high;
  };
  const FORMS = { when: (ms) => when(ms), ago, clock: (ms) => clock.format(ms), day: (ms) => day.format(ms) };
  class Time extends HTMLElement {
    static observedAttributes = ["ms", "form"];
    connectedCallback() {
      this.show();
    }
    attributeChangedCallback() {
      this.show();
    }
    show() {
      const ms = Number(this.getAttribute("ms"));
      if (!ms) return;
      const text = (FORMS[this.getAttribute("form")] || when)(ms);
      if (this.textContent !== text) this.textContent = text;
      this.title = new Date(ms).toLocaleString();
    }
  }
  customElements.define("fw-time", Time);
  setInterval(() => document.querySelectorAll('fw-time[form="ago"]').forEach((each) => each.show()), 5000);

  // The live message, once a second at most; what listens gets each one, and a newcomer the last one.
  const listeners = new Set();
  const state = { last: null, lost: null };
  let heard = Date.now();
  function attach() {
    if (!window.socket) return setTimeout(attach, 10);
    document.getElementById("fw-first")?.remove();
    window.socket.on("fanwatch", (message) => {
      heard = Date.now();
      if (state.lost && window.socket.connected) state.lost = null;
      offset = message.at - Date.now();
      state.last = message;
      banners();
      listeners.forEach((each) => each(message));
    });
    window.socket.on("disconnect", () => {
      state.lost = Date.now();
      banners();
    });
    // A session that is over does not come back by trying again; one that goes on may have been cut by the server.
    window.socket.on("connect_error", () => session());
    window.socket.on("disconnect", (reason) => session(reason));
    window.socket.on("connect", () => {
      state.lost = null;
      banners();
      window.dispatchEvent(new CustomEvent("fanwatch:connect"));
    });
  }
  attach();

  // A connection that is gone without a word, as a phone's out of reach, is noticed by the silence.
  setInterval(() => {
    if (!state.lost && state.last && Date.now() - heard > SILENT_MS) {
      state.lost = heard;
      banners();
    }
  }, 1000);

  async function session(reason) {
    try {
      const answer = await fetch("/session", { cache: "no-store" });
      if (answer.status === 401) location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
      else if (answer.ok && reason === "io server disconnect") location.reload();
    } catch {
      // The server is away, and the banner says so.
    }
  }

  function banners() {
    const place = document.getElementById("fw-banners");
    if (!place) return;
    const shown = [];
    const { last, lost } = state;
    if (lost) shown.push(["lost", `No connection to the server since ${when(lost)}. What you see is from then; the page tries again by itself.`]);
    else if (last) {
      if (last.broker) shown.push(["broker", `The broker is away since ${when(last.broker)}: no new readings. Shown are the last ones; this page tries again by itself.`]);
      if (last.hidden) shown.push(["hidden", `${last.hidden === 1 ? "One fan is" : `${last.hidden.toLocaleString()} fans are`} not shown: this page has room for ${last.room.toLocaleString()}. Raise FANWATCH_CONSOLE_FANS and start it anew.`]);
      if (last.store === "off") shown.push(["store", "Nothing is stored, as FANWATCH_NO_STORE says: there is no history and no forecast. Live values go on."]);
      else if (last.store) shown.push(["store", `InfluxDB is away since ${when(last.store)}: history is not shown until it is back. Live values go on.`]);
    }
    root.dataset.live = lost ? "lost" : !last ? "wait" : last.broker ? "away" : "live";
    const text = shown.map((each) => each[1]).join("\n");
    if (place.dataset.shown === text) return;
    place.dataset.shown = text;
    place.replaceChildren(
      ...shown.map(([kind, words]) => {
        const each = document.createElement("p");
        each.className = `fw-banner fw-banner-${kind}`;
        each.textContent = words;
        return each;
      }),
    );
  }

  document.addEventListener("click", (event) => {
    if (!event.target.closest('[data-fw="theme"]')) return;
    const next = THEMES[(THEMES.indexOf(stored()) + 1) % THEMES.length];
    try {
      localStorage.setItem("fanwatch-theme", next);
    } catch {
      // A browser that keeps nothing: the choice is the system's.
    }
    applyTheme();
  });
  document.addEventListener("DOMContentLoaded", () => setTimeout(applyTheme, 0));

  window.fanwatch = {
    now,
    when,
    ago,
    span,
    within,
    between,
    local,
    length,
    split,
    shown,
    outside,
    second: (ms) => second.format(ms),
    clock: FORMS.clock,
    /** Calls `listener` with each live message; returns what ends that. */
    listen(listener) {
      listeners.add(listener);
      if (state.last) listener(state.last);
      return () => listeners.delete(listener);
    },
  };
})();
