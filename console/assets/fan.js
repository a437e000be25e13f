// One fan. What is live comes with the message of each second; history comes as a property when it was asked for.
import { echarts } from "nicegui-echart";

const ROW = 124;
const HEAD = 30;
const FOOT = 26;
const GAP = 14;
const STRIP = 5; // an episode, along the top of each signal
const RAISED = 0.2; // as in words.py


export default {
  template: `
<div class="fp" :class="now ? ['s-' + now.state, { 'fp-raised': raised }] : ''">
  <a class="fp-back" href="/"><svg viewBox="0 0 24 24" class="fw-icon" fill="none" stroke="currentColor" stroke-width="1.7" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true"><path d="M14.5 5.5 8 12l6.5 6.5"/></svg>Fleet</a>
  <header class="fp-head">
    <div class="fp-title">
      <h1>{{ device || 'No such fan' }}</h1>
      <span v-if="now" class="fw-state fp-state"><svg viewBox="0 0 20 20" aria-hidden="true" v-html="look.sign"></svg>{{ look.word }}</span>
    </div>
    <template v-if="now">
      <p class="fp-why"><strong v-if="now.cause">{{ split[0] }}</strong>{{ split[1] }}</p>
      <p class="fp-by" v-if="now.by">Acknowledged by {{ now.by }}.</p>
      <p class="fp-past" v-if="now.clock"><b>Readings of the past:</b> for this fan it is {{ moment }}, and times are told from there.</p>
      <p class="fp-by" v-if="now.snoozed > at">Quiet until {{ snoozed }}.</p>
    </template>
    <p class="fp-why" v-else-if="!device">A fan’s name has letters, digits, _ and - only.</p>
    <p class="fp-why" v-else-if="hidden">This page has no room for this fan. Its history is below.</p>
    <p class="fp-why" v-else-if="asked">Nothing is known of this fan now: it has sent nothing for a day, or was retired. Its history, if there is any, is below.</p>
    <p class="fp-why" v-else>Asking for this fan …</p>
  </header>
  <div class="fp-actions"><slot></slot></div>
  <dl class="fp-facts" v-if="now">
    <div v-if="now.latest || ['alarm', 'warning', 'suspect'].includes(now.state)" class="fp-fact fp-left"><dt>Time left</dt><dd><b>{{ now.latest ? span : 'not known' }}</b><small v-if="now.latest">{{ until }}, in 8 of 10 cases</small></dd></div>
    <div class="fp-fact" v-if="now.risk !== null"><dt>Risk</dt><dd><b>{{ Math.round(now.risk * 100) }} %</b><small>that a fault is under way</small></dd></div>
    <div class="fp-fact" v-if="now.score !== null"><dt>Last score</dt><dd><b>{{ now.score.toFixed(2) }}</b><small>0 healthy, 1 faulty</small></dd></div>
    <div class="fp-fact" v-if="now.since"><dt>{{ began }}</dt><dd><b>{{ since }}</b><small>{{ sinceAgo }}</small></dd></div>
    <div class="fp-fact"><dt>Last reading</dt><dd><b>{{ age }}</b><small>{{ readAt }}</small></dd></div>
  </dl>
  <div class="fp-columns">
    <section class="fp-chart" aria-label="History">
      <div class="fp-bar">
        <h2>Signals</h2>
        <div class="fp-ranges" role="group" aria-label="Time shown">
          <button v-for="each in ranges" :key="each[0]" type="button" :aria-pressed="range === each[0]" @click="choose(each[0])">{{ each[1] }}</button>
        </div>
      </div>
      <p class="fp-problem" v-if="problem" role="status">{{ problem }} Shown is what this page has seen itself in the last hour.</p>
      <div class="fp-plot" :style="{ height: total + 'px' }" :aria-busy="!history || waiting">
        <div ref="canvas" class="fp-canvas" role="img" :aria-label="spoken" :style="{ height: total + 'px' }"></div>
        <div v-for="(row, k) in rows" :key="row.word" class="fp-label" :style="{ top: k * (row_height + gap) + 'px' }">
          <span>{{ row.word }}</span><b :class="{ 'fp-off': row.off }">{{ row.value }}</b><small>{{ row.unit }}</small><small class="fp-healthy">{{ row.healthy }}</small>
        </div>
        <div v-if="!history || waiting" class="fp-wait"><span class="fl-wait"></span></div>
        <div v-else-if="!history.times.length" class="fp-wait">Nothing is stored of this time.</div>
      </div>
    </section>
    <div class="fp-side">
      <section class="fw-card" v-if="now && now.looks.length" aria-label="What to look at first">
        <h2>Look at this first</h2>
        <p class="fp-safety">{{ safety }}</p>
        <ol class="fp-looks"><li v-for="each in now.looks" :key="each">{{ each }}</li></ol>
      </section>
      <section class="fw-card" aria-label="Episodes">
        <h2>Episodes</h2>
        <p v-if="!history" class="fw-soft">Asking InfluxDB …</p>
        <p v-else-if="problem" class="fw-soft">Not known without InfluxDB.</p>
        <p v-else-if="!episodes.length" class="fw-soft">None so far.</p>
        <ul v-else class="fp-episodes">
          <li v-for="each in episodes" :key="each.since_ms" :class="'s-' + each.state">
            <span class="fw-state"><svg viewBox="0 0 20 20" aria-hidden="true" v-html="sign(each.state)"></svg>{{ each.words }}</span>
            <span class="fp-when">{{ each.when }}</span>
            <p>{{ each.told }}</p>
            <p v-if="each.found" class="fp-found">Found: <b>{{ each.found }}</b><template v-if="each.note"> – {{ each.note }}</template><template v-if="each.closed_by"> ({{ each.closed_by }})</template></p>
          </li>
        </ul>
      </section>
    </div>
  </div>
</div>`,
  props: { device: String, begin: String, first: Object, states: Array, signals: Array, ranges: Array, safety: String, history: Object },
  data() {
    return { now: null, hidden: this.first.hidden, asked: false, at: Date.now(), range: this.begin, waiting: false, row_height: ROW, gap: GAP };
  },
  computed: {
    look() {
      return this.states.find((each) => each.name === this.now.state);
    },
    split() {
      return window.fanwatch.split(this.now.cause, this.now.why || this.look.meaning, this.now.why ? this.now.lead : 0, this.time);
    },
    raised() {
      return this.now.state === "ok" && this.now.risk >= RAISED;
    },
    /** The time that it is for this fan. */
    time() {
      return (this.now && this.now.clock) || this.at;
    },
    moment() {
      return window.fanwatch.when(this.now.clock);
    },
    began() {
      return ["ok", "unknown", "out-of-service"].includes(this.now.state) ? `${this.look.word} since` : "Began";
    },
    snoozed() {
      return window.fanwatch.when(this.now.snoozed);
    },
    span() {
      return window.fanwatch.span(this.now.earliest, this.now.latest, this.time);
    },
    until() {
      return window.fanwatch.between(this.now.earliest, this.now.latest, this.time);
    },
    since() {
      return window.fanwatch.when(this.now.since, this.time);
    },
    sinceAgo() {
      return this.now.since > this.time ? "" : `${window.fanwatch.length(this.time - this.now.since)} ago`;
    },
    age() {
      if (!this.now.read) return "never";
      if (this.now.clock) return window.fanwatch.when(this.now.read);
      return this.at - this.now.read < 2500 ? "now" : window.fanwatch.ago(this.now.read);
    },
    readAt() {
      if (!this.now.read) return "";
      return this.now.clock ? "its past is coming in" : window.fanwatch.second(this.now.read);
    },
    problem() {
      return (this.history && this.history.problem) || "";
    },
    rows() {
      const live = this.now;
      const rows = this.signals.map((signal, k) => {
        const value = live ? live.values[k] : null;
        const known = signal.to !== undefined;
        return {
          word: signal.word,
          unit: signal.unit,
          value: value === null ? "–" : window.fanwatch.shown(value, signal),
          off: value !== null && window.fanwatch.outside(value, signal),
          healthy: known ? `healthy ${Number(window.fanwatch.shown(signal.low, signal))}–${Number(window.fanwatch.shown(signal.high, signal))}` : "",
        };
      });
      const score = live && live.score !== null ? live.score.toFixed(2) : "–";
      return [...rows, { word: "Score", unit: "", value: score, off: false, healthy: "thin: score · thick: risk" }];
    },
    total() {
      return this.rows.length * (ROW + GAP) + FOOT;
    },
    episodes() {
      return (this.history ? this.history.episodes : []).map((each) => ({
        ...each,
        state: this.open(each) ? this.now.state : each.state,
        words: `${this.word(this.open(each) ? this.now.state : each.state)}${each.cause_words ? ` · ${each.cause_words}` : ""}`,
        told: window.fanwatch.local(each.why, this.time),
        when: this.lasting(each),
      }));
    },
    spoken() {
      if (!this.history) return "History is being asked for";
      const shown = this.ranges.find((each) => each[0] === this.history.range);
      const parts = this.signals.map((signal, k) => {
        const known = (this.history.values[k] || []).filter((value) => value !== null);
        if (!known.length) return `${signal.word}: nothing known`;
        const healthy = signal.to === undefined ? "" : `, healthy is ${signal.low.toFixed(0)} to ${signal.high.toFixed(0)}`;
        return `${signal.word}: from ${known[0].toFixed(1)} to ${known[known.length - 1].toFixed(1)} ${signal.unit}${healthy}`;
      });
      return `The last ${shown ? shown[1] : "hour"}. ${parts.join(". ")}.`;
    },
  },
  watch: {
    history() {
      this.waiting = false;
      this.draw();
    },
  },
  mounted() {
    if (this.first.known) this.now = this.first;
    this.stop = window.fanwatch.listen((message) => {
      if (!message.page) return;
      this.asked = true;
      this.at = message.broker || message.at;
      const before = this.now;
      this.now = message.page.known ? message.page : null;
      this.hidden = Boolean(message.page.hidden);
      if (!before !== !this.now || (before && (before.state !== this.now.state || before.latest !== this.now.latest))) this.draw();
    });
    this.chart = echarts.init(this.$refs.canvas, null, { renderer: "canvas" });
    this.observer = new ResizeObserver(() => {
      this.chart.resize();
      this.draw();
    });
    this.observer.observe(this.$refs.canvas);
    this.repaint = () => this.draw();
    window.addEventListener("fanwatch:theme", this.repaint);
    this.draw();
  },
  beforeUnmount() {
    this.stop();
    this.observer.disconnect();
    window.removeEventListener("fanwatch:theme", this.repaint);
    this.chart.dispose();
  },
  methods: {
    sign(state) {
      return this.states.find((each) => each.name === state).sign;
    },
    word(state) {
      return this.states.find((each) => each.name === state).word;
    },
    open(each) {
      return Boolean(this.now) && this.now.since === each.since_ms && !["ok", "unknown", "out-of-service"].includes(this.now.state);
    },
    /** When it was over; a fan whose past comes in was told of later than it is for it. */
    ended(each) {
      return each.ended_ms || Math.max(each.since_ms, Math.min(each.updated_ms, this.time));
    },
    lasting(each) {
      const { between, length } = window.fanwatch;
      const when = (ms) => window.fanwatch.when(ms, this.time);
      if (this.open(each)) return `${when(each.since_ms)} – now`;
      // Of old ones the end was not kept: what was told last is all there is.
      const end = this.ended(each);
      return `${between(each.since_ms, end, this.time)} (${length(end - each.since_ms)})${each.stopped_ms ? `, stopped ${when(each.stopped_ms)}` : ""}`;
    },
    choose(range) {
      this.range = range;
      this.waiting = true;
      this.$emit("range", range);
    },
    draw() {
      if (!this.chart || !this.history) return;
      this.chart.setOption(this.options(), { notMerge: true });
    },
    options() {
      const style = getComputedStyle(document.documentElement);
      const color = (name) => style.getPropertyValue(`--${name}`).trim();
      const { times, values, score, risk, start_ms, end_ms } = this.history;
      const { now } = this;
      const length = end_ms - start_ms;
      const expected = now && now.latest && now.earliest - end_ms < length * 0.6 ? [Math.max(now.earliest, end_ms), now.latest] : null;
      const end = expected ? Math.min(now.latest, end_ms + length * 0.6) : end_ms;
      const narrow = this.$refs.canvas.clientWidth < 520;
      const left = narrow ? 38 : 46;
      const soft = color("soft");
      const line = color("line");
      const main = now && now.state !== "instrument" ? now.sensor : null;
      const troubled = now && this.signals.some((each) => each.name === main) && !["ok", "unknown", "silent", "out-of-service"].includes(now.state);
      const episodes = this.history.episodes
        .flatMap((each) => {
          const open = this.open(each);
          const to = open ? end_ms : this.ended(each);
          // Until it stopped it was a warning or an alarm; only its last state is stored.
          const stopped = each.stopped_ms || (open && now.stood) || null;
          const stop = stopped && stopped < to ? stopped : null;
          return stop === null ? [[open ? now.state : each.state, each.since_ms, to]] : [["alarm", each.since_ms, stop], ["stopped", stop, to]];
        })
        .map(([state, from, to]) => [state, Math.max(from, start_ms), Math.min(to, end_ms)])
        .filter(([, from, to]) => to >= from)
        .map(([state, from, to]) => (row) => [
          { xAxis: from, y: row * (ROW + GAP) + HEAD, itemStyle: { color: color(state) } },
          { xAxis: Math.max(to, from + length / 200), y: row * (ROW + GAP) + HEAD + STRIP },
        ]);
      const ahead = expected ? [[{ xAxis: expected[0], itemStyle: { color: color("alarm"), opacity: 0.13 }, label: { show: true, position: "insideTop", color: color("alarm"), fontSize: 11, formatter: expected && (Math.min(expected[1], end) - expected[0]) / (end - start_ms) > (narrow ? 0.3 : 0.13) ? "failure expected" : "" } }, { xAxis: Math.min(expected[1], end) }]] : [];
      const axes = this.rows.map((row, k) => ({ grid: { left, right: 12, top: k * (ROW + GAP) + HEAD, height: ROW - HEAD } }));
      const series = [];
      this.signals.forEach((signal, k) => {
        const known = values[k].filter((value) => value !== null);
        const low = Math.min(...known, signal.low ?? Infinity);
        const high = Math.max(...known, signal.high ?? -Infinity);
        const margin = (high - low) * 0.06 || 1;
        Object.assign(axes[k], { low: low - margin, high: high + 1.7 * margin });
        const areas = [];
        if (signal.to !== undefined) areas.push([{ yAxis: signal.low, itemStyle: { color: color("band") } }, { yAxis: signal.high }]);
        series.push({
          type: "line",
          name: signal.word,
          xAxisIndex: k,
          yAxisIndex: k,
          showSymbol: false,
          connectNulls: false,
          sampling: "lttb",
          lineStyle: { width: troubled && main === signal.name ? 2.2 : 1.4, color: troubled && main === signal.name ? color(now.state) : color("ink") },
          itemStyle: { color: color("ink") },
          data: times.map((time, i) => [time, values[k][i]]),
          markArea: { silent: true, data: [...areas, ...episodes.map((each) => each(k)), ...(k === 0 ? ahead : ahead.map(([a, b]) => [{ ...a, label: { show: false } }, b]))] },
        });
      });
      const last = this.rows.length - 1;
      Object.assign(axes[last], { low: 0, high: 1 });
      series.push({
        type: "line",
        name: "Score",
        xAxisIndex: last,
        yAxisIndex: last,
        showSymbol: false,
        lineStyle: { width: 1, color: color("faint") },
        itemStyle: { color: color("faint") },
        data: times.map((time, i) => [time, score[i]]),
        markArea: { silent: true, data: [...episodes.map((each) => each(last)), ...ahead.map(([a, b]) => [{ ...a, label: { show: false } }, b])] },
      });
      series.push({ type: "line", name: "Risk", xAxisIndex: last, yAxisIndex: last, showSymbol: risk.length < 3, step: "end", lineStyle: { width: 2.4, color: color("ink") }, itemStyle: { color: color("ink") }, data: risk });
      const long = length > 2 * 86400e3;
      return {
        animation: false,
        textStyle: { fontFamily: getComputedStyle(document.body).fontFamily },
        grid: axes.map((each) => each.grid),
        axisPointer: { link: [{ xAxisIndex: "all" }], lineStyle: { color: soft, type: "solid", width: 1 }, label: { show: false } },
        tooltip: {
          trigger: "axis",
          confine: true,
          backgroundColor: color("raised"),
          borderColor: color("line-strong"),
          textStyle: { color: color("ink"), fontSize: 13 },
          formatter: (found) => this.tip(found),
        },
        xAxis: axes.map((each, k) => ({
          type: "time",
          gridIndex: k,
          min: start_ms,
          max: end,
          splitNumber: narrow ? 3 : 6,
          axisLine: { lineStyle: { color: line } },
          axisTick: { show: k === last, lineStyle: { color: line } },
          axisLabel: { show: k === last, color: soft, fontSize: 12, hideOverlap: true, formatter: (ms) => (long ? new Intl.DateTimeFormat([], { day: "numeric", month: "short" }).format(ms) : window.fanwatch.clock(ms)) },
          splitLine: { show: true, lineStyle: { color: line, opacity: 0.6 } },
        })),
        yAxis: axes.map((each, k) => ({
          type: "value",
          gridIndex: k,
          min: each.low,
          max: each.high,
          splitNumber: 2,
          axisLabel: { color: soft, fontSize: 11, showMinLabel: k === last, showMaxLabel: k === last, formatter: (value) => (k === last ? value : Math.round(value)) },
          splitLine: { lineStyle: { color: line, opacity: 0.6 } },
        })),
        series,
      };
    },
    tip(found) {
      const at = found[0].value[0];
      const place = document.createElement("div");
      const head = document.createElement("b");
      head.textContent = `${window.fanwatch.when(at, this.time)}`;
      place.append(head);
      for (const each of found) {
        const value = each.value[1];
        if (value === null || value === undefined) continue;
        const signal = this.signals.find((one) => one.word === each.seriesName);
        const row = document.createElement("div");
        row.textContent = `${each.seriesName}  ${value.toFixed(signal ? 1 : 2)} ${signal ? signal.unit : ""}`;
        place.append(row);
      }
      return place;
    },
  },
};
