// The list of all fans. It keeps the lines on the screen only, asks the server for those, and is told about them once a
// second. Numbers that change are text nodes of Vue; trends are one SVG path a signal, made when their minute ends: a
// chart library's instance for each of a hundred small lines costs more than all of the rest.
const LOWEST = 35;
const LEVELS = 56;
const MINUTES = 60;
const LONGEST_GAP = 12; // minutes; fans that send every ten have a line too
const OVERSCAN = 6;
const WAIT_MS = 60;
const COLUMNS = [
  ["need", "State"],
  ["name", "Fan"],
  [null, "What is wrong"],
  ["left", "Time left"],
  ["risk", "Risk"],
];
const RAISED = 0.2; // as in words.py
const QUARTER = 900e3; // ms; everywhere a day begins with one

function path(line) {
  let d = "";
  let last = -Infinity;
  for (let i = 0; i < line.length; i++) {
    const code = line.charCodeAt(i);
    if (code < LOWEST) continue;
    const at = `${((i / (MINUTES - 1)) * 100).toFixed(1)} ${(22 - ((code - LOWEST) / LEVELS) * 20).toFixed(1)}`;
    // After a gap a short stroke first, for a lone point of no length is not drawn.
    d += i - last <= LONGEST_GAP ? `L${at}` : `M${at}h0.8`;
    last = i;
  }
  return d;
}

export default {
  template: `
<div class="fl" :class="[narrow ? 'fl-narrow' : 'fl-broad', { 'fl-calm': calm }]">
  <header class="fl-head"><div class="fl-says">
    <h1 class="fl-title"><template v-if="!ready">Fleet</template><template v-else>{{ most ? most[0] : headline }}</template></h1>
    <p class="fl-lead" v-if="ready && most">{{ mostly }}</p>
    <p class="fl-lead" v-else-if="ready && lead">
      <a :href="'/fan/' + lead.id">{{ lead.id }}</a> {{ lead.text }}<template v-if="lead.span">{{ " " }}<strong>{{ lead.span }}</strong></template>.
      <a class="fl-go" :href="'/fan/' + lead.id" :aria-label="'Look at ' + lead.id">Look at it<svg viewBox="0 0 20 20" aria-hidden="true"><path d="m7 4 6 6-6 6" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round"/></svg></a>
    </p>
    <p class="fl-lead" v-else>{{ ready && total ? subline : "" }}</p>
    <p class="fl-past" v-if="past"><b>Readings of the past:</b> for these fans it is {{ moment }}, and times are told from there.</p>
    </div>
    <div class="fl-find">
    <label class="fl-search">
      <svg viewBox="0 0 20 20" aria-hidden="true"><circle cx="8.5" cy="8.5" r="5.5" fill="none" stroke="currentColor" stroke-width="1.8"/><path d="m13 13 5 5" stroke="currentColor" stroke-width="1.8" stroke-linecap="round"/></svg>
      <input ref="search" type="search" v-model="text" maxlength="100" :placeholder="narrow ? 'Search' : 'Search fan or cause'" aria-label="Search fan or cause" autocomplete="off" spellcheck="false" @keydown.esc="text = ''" @keydown.down.prevent="go(0)">
    </label>
    <label class="fl-sort"><span>Sort</span>
      <select v-model="sorted" aria-label="Sort by">
        <option v-for="each in sorts" :key="each[0]" :value="each[0]">{{ each[1] }}</option>
      </select>
    </label>
    </div>
  </header>
  <div class="fl-tools">
    <div class="fl-chips" role="group" aria-label="Show only">
      <button v-for="chip in chips" :key="chip.key" type="button" class="fl-chip" :class="'s-' + chip.key"
        :aria-pressed="wish.only === chip.only" :title="chip.title" @click="filter(chip.only)">
        <svg v-if="chip.sign" viewBox="0 0 20 20" aria-hidden="true" v-html="chip.sign"></svg>
        <span>{{ chip.word }}</span><b>{{ chip.count.toLocaleString() }}</b>
      </button>
    </div>
  </div>
  <div class="fl-scroll" :style="{ '--sensors': signals.length }" ref="scroll" tabindex="-1" @scroll.passive="look" role="table" aria-label="Fans" :aria-rowcount="n + 1" @keydown="keys">
    <div class="fl-cols" role="row" aria-rowindex="1">
      <div v-for="column in columns" :key="column[1]" role="columnheader" :class="['fl-c-' + (column[0] || 'why'), column[2]]"
        :aria-sort="column[0] && wish.sort === column[0] ? (wish.descending ? 'descending' : 'ascending') : null">
        <button v-if="column[0]" type="button" @click="sort(column[0])">{{ column[1] }}<i v-if="wish.sort === column[0]" aria-hidden="true">{{ wish.descending ? '↑' : '↓' }}</i></button>
        <span v-else>{{ column[1] }}</span>
      </div>
    </div>
    <div class="fl-rows" role="rowgroup" :style="{ height: n * height + 'px' }">
      <div v-for="row in shown" :key="row.id" class="fl-row" :class="['s-' + states[row.code].name, { 'fl-hand': row.hand, 'fl-quiet': row.code > 5, 'fl-stale': row.stale, 'fl-raised': row.raised, 'fl-timed': row.latest }]"
        role="row" :aria-rowindex="row.at + 2" :style="{ transform: 'translateY(' + row.at * height + 'px)', height: height + 'px' }">
        <div class="fl-c-need" role="cell"><span class="fw-state"><svg viewBox="0 0 20 20" aria-hidden="true" v-html="states[row.code].sign"></svg>{{ states[row.code].word }}</span><small v-if="row.hand" class="fl-by">{{ row.by ? row.by + ' has it' : 'snoozed' }}</small></div>
        <div class="fl-c-name" role="cell"><a :href="'/fan/' + row.id" :data-at="row.at">{{ row.id }}</a></div>
        <div class="fl-c-why" role="cell"><b v-if="row.cause">{{ row.cause }}</b><span v-if="row.why">{{ row.why }}</span><span v-else-if="states[row.code].name === 'ok'" class="fl-usual">As usual</span></div>
        <div class="fl-c-left" role="cell"><template v-if="row.latest"><b>{{ row.left }}</b><small>{{ row.until }}</small></template><span v-else-if="row.code > 0 && row.code < 4" class="fl-none">not known</span></div>
        <div class="fl-c-risk" role="cell"><template v-if="row.risk !== null"><span class="fl-bar" aria-hidden="true"><i :style="{ transform: 'scaleX(' + row.risk + ')' }"></i></span><span>{{ row.percent }}</span></template><span v-else class="fl-none" aria-label="no risk known">–</span></div>
        <div v-for="(signal, k) in signals" :key="signal.name" role="cell" class="fl-signal fl-sensor" :class="['fl-c-' + signal.name, { 'fl-out': row.out[k] }]">
          <span class="fl-label">{{ signal.word }}</span>
          <span class="fl-value"><b>{{ row.values[k] }}</b> <small>{{ signal.unit }}</small></span>
          <svg class="fl-line" viewBox="0 0 100 24" preserveAspectRatio="none" aria-hidden="true"><rect v-if="signal.to" x="0" width="100" :y="22 - signal.to * 20" :height="(signal.to - signal.from) * 20"/><path :d="row.paths[k]"/></svg>
        </div>
        <div class="fl-c-age" role="cell" :title="row.read">{{ row.age }}</div>
      </div>
    </div>
    <div class="fw-empty fl-empty" v-if="!ready"><span class="fl-wait"></span><p>Asking for the fleet …</p></div>
    <div class="fw-empty fl-empty" v-else-if="!total && away">
      <h2>The broker does not answer</h2><p>No fan can be shown until {{ broker }} is back. This page tries again all the time; you need not do anything here.</p>
    </div>
    <div class="fw-empty fl-empty" v-else-if="!total">
      <h2>No fan has sent anything yet</h2><p>This page listens at {{ broker }}; fans turn up here as soon as a reading of theirs does.</p>
    </div>
    <div class="fw-empty fl-empty" v-else-if="!n">
      <h2>No fan matches</h2><p><button type="button" class="fw-button" @click="clear">Show all {{ total.toLocaleString() }}</button></p>
    </div>
  </div>
</div>`,
  props: { states: Array, signals: Array, broker: String, begin: Object },
  data() {
    return {
      ready: false,
      away: false,
      total: 0,
      hidden: 0,
      n: 0,
      needs: 0,
      hand: 0,
      faulty: 0,
      unjudged: "",
      past: 0,
      counts: [],
      leading: null,
      most: null,
      shown: [],
      text: "",
      narrow: false,
      height: 58,
      wish: { search: "", only: "", sort: "need", descending: false, first: 0, count: 40 },
    };
  },
  computed: {
    columns() {
      return [...COLUMNS, ...this.signals.map((each) => [each.name, each.word, "fl-sensor"]), ["age", "Last"]];
    },
    sorts() {
      return [["need", "Needs you first"], ["name", "Name"], ["left", "Time left"], ["risk", "Risk"], ...this.signals.map((each) => [each.name, each.word, "fl-sensor"]), ["age", "Oldest reading"]];
    },
    sorted: {
      get() {
        return this.wish.sort;
      },
      set(value) {
        this.sort(value);
      },
    },
    well() {
      return this.count("ok");
    },
    /** Green only where each fan has a verdict that it is well, or somebody who takes care of it. */
    calm() {
      return this.ready && this.total > 0 && !this.needs && !this.away && !this.hidden && this.well + this.hand >= this.total;
    },
    headline() {
      const { total, needs, faulty, away } = this;
      if (!total) return away ? "Waiting for the broker" : "Waiting for the first fan";
      if (away && !needs) return "The broker does not answer";
      const rest = this.rest();
      if (needs && faulty === needs) return [faulty === 1 ? "One fan’s readings are faulty" : `The readings of ${faulty.toLocaleString()} fans are faulty`, ...rest].join(", ");
      const found = faulty ? [`the readings of ${faulty === 1 ? "one" : faulty.toLocaleString()} are faulty`] : [];
      if (needs) return [needs === 1 ? "One fan needs you" : `${needs.toLocaleString()} fans need you`, ...found, ...rest].join(", ");
      // Nobody knows how those are that there is no room for.
      if (this.hidden) return ["No fan that is shown needs you", ...rest].join(", ");
      return this.how();
    },
    subline() {
      if (this.away) return `When it was heard last: ${this.how()}.`;
      if (this.hidden) return `${this.hidden === 1 ? "One is" : `${this.hidden.toLocaleString()} are`} not shown.`;
      if (this.count("unknown")) return window.fanwatch.local(this.unjudged) || "The line of each fan that is not judged says why.";
      if (this.hand) return `${this.hand === 1 ? "One is" : `${this.hand} are`} acknowledged or snoozed; nothing else stands out.`;
      return "Nothing stands out.";
    },
    lead() {
      const lead = this.leading;
      if (!lead) return null;
      const [id, , text, earliest, latest, clock] = lead;
      return { id, text, span: latest ? window.fanwatch.within(earliest, latest, clock || undefined) : "" };
    },
    /** One sentence for most of the fleet, and that there is more besides. */
    mostly() {
      const [, text, others] = this.most;
      return `${window.fanwatch.local(text)}${others ? ` ${others === 1 ? "One other fan needs" : `${others.toLocaleString()} other fans need`} you.` : ""}`;
    },
    moment() {
      return window.fanwatch.when(this.past);
    },
    chips() {
      const chip = (only, key, word, count, title, sign) => ({ only, key, word, count, title, sign });
      const shown = [
        chip("", "all", "All", this.total, "Every fan"),
        chip("need", "need", "Needs you", this.needs, "Somebody has to do something"),
      ];
      if (this.hand || this.wish.only === "hand") shown.push(chip("hand", "hand", "Acknowledged", this.hand, "Acknowledged or snoozed"));
      this.states.forEach((state, code) => {
        const count = this.counts[code] || 0;
        if (count || this.wish.only === state.name) shown.push(chip(state.name, state.name, state.word, count, state.meaning, state.sign));
      });
      return shown;
    },
  },
  watch: {
    text() {
      this.wish.search = this.text;
      this.top();
    },
  },
  mounted() {
    this.known = new Map(); // by fan: words and trends, which come only when they change
    if (this.begin) this.told(this.begin);
    this.stop = window.fanwatch.listen((message) => this.told(message));
    this.observer = new ResizeObserver(() => this.fit());
    this.observer.observe(this.$refs.scroll);
    this.shortcut = (event) => {
      if (event.key === "/" && !/INPUT|SELECT|TEXTAREA/.test(event.target.tagName)) {
        event.preventDefault();
        this.$refs.search.focus();
      }
    };
    document.addEventListener("keydown", this.shortcut);
    this.reconnected = () => this.ask(true);
    window.addEventListener("fanwatch:connect", this.reconnected);
    this.fit();
    this.ask(true);
  },
  beforeUnmount() {
    this.stop();
    this.observer.disconnect();
    document.removeEventListener("keydown", this.shortcut);
    window.removeEventListener("fanwatch:connect", this.reconnected);
  },
  methods: {
    count(name) {
      return this.counts[this.states.findIndex((state) => state.name === name)] || 0;
    },
    /** What the headline adds of fans that have no verdict. */
    rest() {
      const unjudged = this.count("unknown");
      return unjudged ? [`${unjudged === 1 ? "one is" : `${unjudged.toLocaleString()} are`} not judged`] : [];
    },
    /** How the fleet is where nobody needs anything: all are well only where each of them is. */
    how() {
      const { total, hand, well } = this;
      const all = total.toLocaleString();
      if (this.count("unknown") === total) return total === 1 ? "The fan is not judged" : `None of ${all} fans is judged`;
      // Whoever is neither well nor in somebody's hands, by the words of their states.
      const needed = this.states.findIndex((state) => state.name === "silent");
      const others = this.states.filter((state, code) => code > needed && state.name !== "ok" && this.count(state.name));
      const same = others.find((state) => this.count(state.name) === total);
      if (same) return `${total === 1 ? "The fan is" : `All ${all} fans are`} ${same.word.toLowerCase()}`;
      if (others.length) {
        const is = (count, what) => (count ? [`${count.toLocaleString()} ${count === 1 ? "is" : "are"} ${what}`] : []);
        const rest = others.flatMap((state) => is(this.count(state.name), state.word.toLowerCase()));
        return [`${well.toLocaleString()} of ${all} fans ${well === 1 ? "is" : "are"} well`, ...is(hand, "looked after"), ...rest].join(", ");
      }
      if (hand) return total === 1 ? "The fan is looked after" : `All ${all} fans are looked after`;
      return total === 1 ? "The fan is well" : `All ${all} fans are well`;
    },
    fit() {
      const place = this.$refs.scroll;
      if (!place) return;
      this.narrow = place.clientWidth < 720;
      this.height = this.narrow ? 146 : 58;
      this.look();
    },
    look() {
      const place = this.$refs.scroll;
      const first = Math.max(0, Math.floor(place.scrollTop / this.height) - OVERSCAN);
      const count = Math.min(120, Math.ceil(place.clientHeight / this.height) + 2 * OVERSCAN);
      if (first === this.wish.first && count === this.wish.count) return;
      this.wish.first = first;
      this.wish.count = count;
      this.ask();
    },
    ask(anew = false) {
      this.anew = this.anew || anew;
      if (this.timer) return;
      this.timer = setTimeout(() => {
        this.timer = null;
        this.$emit("view", { ...this.wish, anew: this.anew });
        this.anew = false;
      }, anew ? 0 : WAIT_MS);
    },
    top() {
      this.$refs.scroll.scrollTop = 0;
      this.wish.first = 0;
      this.ask();
    },
    filter(only) {
      this.wish.only = this.wish.only === only ? "" : only;
      this.top();
    },
    sort(key) {
      this.wish.descending = this.wish.sort === key && key !== "need" ? !this.wish.descending : false;
      this.wish.sort = key;
      this.top();
    },
    clear() {
      this.text = "";
      this.wish.only = "";
      this.top();
    },
    keys(event) {
      const step = { ArrowDown: 1, ArrowUp: -1, j: 1, k: -1 }[event.key];
      if (!step || event.altKey || event.ctrlKey || event.metaKey) return;
      const at = Number(event.target.dataset.at ?? -1) + step;
      if (at < 0) this.$refs.search.focus();
      else if (at < this.n) this.go(at);
      else return;
      event.preventDefault();
    },
    /** Scrolls to a line and gives it the focus, once it is there. */
    go(at) {
      if (at >= this.n) return;
      const place = this.$refs.scroll;
      const head = 34;
      if (at * this.height < place.scrollTop) place.scrollTop = at * this.height;
      else if ((at + 1) * this.height + head > place.scrollTop + place.clientHeight) place.scrollTop = (at + 1) * this.height + head - place.clientHeight;
      const focus = (tries) => {
        const link = place.querySelector(`a[data-at="${at}"]`);
        if (link) link.focus({ preventScroll: true });
        else if (tries) setTimeout(() => focus(tries - 1), 40);
      };
      focus(10);
    },
    told(message) {
      this.away = Boolean(message.broker);
      const page = message.page;
      if (!page) return;
      this.ready = true;
      Object.assign(this, { total: page.total, hidden: page.hidden, n: page.n, needs: page.needs, hand: page.hand, faulty: page.faulty, unjudged: page.unjudged, past: page.past, counts: page.counts, leading: page.lead, most: page.most });
      const known = new Map();
      const now = message.broker || message.at;
      this.shown = page.rows.map((row, k) => this.line(row, page.first + k, page, known, now));
      this.known = known;
    },
    line([id, code, read, ...rest], at, page, known, now) {
      const numbers = rest.slice(0, this.signals.length);
      const [score, risk, earliest, latest, hand, clock] = rest.slice(this.signals.length);
      const before = this.known.get(id) || { words: ["", "", "", 0], paths: this.signals.map(() => "") };
      const fresh = page.lines[id];
      const mine = { words: page.words[id] || before.words, paths: fresh ? fresh.map(path) : before.paths };
      const time = clock || now;
      mine.day = Math.floor(time / QUARTER);
      // What a time of day is called changes with the day.
      mine.about = mine.words === before.words && mine.day === before.day && before.about ? before.about : window.fanwatch.split(mine.words[0], mine.words[1], mine.words[3], time);
      known.set(id, mine);
      const age = Math.max(0, now - read);
      return {
        id,
        at,
        code,
        hand,
        latest,
        risk,
        cause: mine.about[0],
        why: mine.about[1],
        by: mine.words[2],
        paths: mine.paths,
        percent: risk === null ? "" : `${Math.round(risk * 100)} %`,
        left: latest ? window.fanwatch.span(earliest, latest, time) : "",
        until: latest ? window.fanwatch.between(earliest, latest, time) : "",
        values: numbers.map((value, k) => (value === null ? "–" : window.fanwatch.shown(value, this.signals[k]))),
        out: numbers.map((value, k) => value !== null && window.fanwatch.outside(value, this.signals[k])),
        raised: this.states[code].name === "ok" && risk !== null && risk >= RAISED,
        age: !read ? "never" : clock ? "past" : age < 2000 ? "now" : window.fanwatch.length(age),
        read: read ? new Date(read).toLocaleString() : "",
        stale: age > 10000 && !clock,
      };
    },
  },
};
