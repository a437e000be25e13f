// Open episodes, or past ones, and what a technician decides about them. Whatever was written by others is put in as
// text by Vue, never as HTML. Nothing counts as done before the server has said so.
const HOUR = 3600e3;
const UNKNOWN = "?"; // chosen, which is not the same as not asked
const SHOWN_MS = 3000; // until what was done shows on its card, by forecast-fan's own message

function tomorrow() {
  const at = new Date(window.fanwatch.now());
  at.setDate(at.getDate() + 1);
  at.setHours(7, 0, 0, 0);
  return at.getTime();
}

export default {
  template: `
    <div class="ep">
      <p v-if="line" class="ep-line fw-soft">{{ line }}</p>
      <p class="ep-said" :class="{ 'ep-hidden': seen }" role="status" aria-live="polite">{{ said }}</p>
      <slot v-if="!shown.length" name="empty"><p class="fw-empty ep-empty"><svg v-if="live && (told ? told : { calm }).calm" viewBox="0 0 20 20" class="s-ok" aria-hidden="true" focusable="false" v-html="signs.ok"></svg>{{ timed(told ? told.empty : empty) }}</p></slot>
      <template v-else-if="!past"><component v-for="group in groups" :key="group.head ? 'many' : 'each'" :is="group.head ? 'details' : 'div'" class="ep-group">
        <summary v-if="group.head" class="ep-many fw-card s-silent"><b>{{ group.head }}</b> <span class="fw-soft">{{ group.list.length }} of them have an open episode.</span></summary>
        <ul class="ep-list"><li v-for="each in group.list" :key="each.episode" class="ep-card fw-card" :class="'s-' + each.state" :data-episode="each.episode">
          <div class="ep-text">
          <div class="ep-head">
            <span class="fw-state ep-state"><svg viewBox="0 0 20 20" aria-hidden="true" focusable="false" v-html="signs[each.state]"></svg>{{ each.word }}</span>
            <a class="ep-fan" :href="'/fan/' + each.device">{{ each.device }}</a>
            <span class="ep-cause">{{ each.cause }}</span>
            <span v-if="each.left" class="ep-left"><b>{{ span(each) }}</b> {{ overdue(each) ? "" : "left" }}</span>
          </div>
          <p v-if="each.why" class="ep-why">{{ local(each) }}</p>
          <p class="ep-facts fw-soft">
            <span v-if="each.clock">for this fan it is {{ when(each.clock, 0) }}</span>
            <span :title="exact(each.since)">since {{ when(each.since, each) }}</span>
            <span v-if="each.risk !== null && each.risk !== undefined">risk {{ Math.round(each.risk * 100) }} %</span>
            <span v-if="each.left">failure expected {{ between(each.left[0], each.left[1], each) }}</span>
            <span v-if="each.by" class="ep-by">acknowledged by {{ each.by }}</span>
            <span v-if="each.snoozed" class="ep-snoozed">quiet until <fw-time :ms="each.snoozed" form="when"></fw-time></span>
          </p>
          </div>
          <div v-if="may" class="ep-acts">
            <template v-if="!(each.episode in busy)">
              <button v-if="!each.by" type="button" class="fw-button fw-primary" @click="act(each, { action: 'acknowledge', stands: each.state === 'stopped' })">Acknowledge<span class="ep-hidden"> {{ each.device }}</span></button>
              <button type="button" class="fw-button" @click="ask('snooze', each)">Snooze<span class="ep-hidden"> {{ each.device }}</span></button>
              <button type="button" class="fw-button" @click="ask('close', each)">Close …<span class="ep-hidden"> {{ each.device }}</span></button>
            </template>
            <span v-else class="ep-busy">{{ busy[each.episode] }}</span>
          </div>
          <p v-if="errors[each.episode]" class="ep-error" role="alert">{{ errors[each.episode] }}</p>
        </li></ul>
      </component></template>
      <table v-else class="fw-table ep-past">
        <thead><tr><th scope="col">Fan</th><th scope="col">What</th><th scope="col">When</th><th scope="col">What it was</th></tr></thead>
        <tbody>
          <tr v-for="each in shown" :key="each.episode" :class="'s-' + each.state" :data-episode="each.episode">
            <td><a class="ep-fan" :href="'/fan/' + each.device">{{ each.device }}</a></td>
            <td><span v-if="each.word" class="fw-state ep-state"><svg viewBox="0 0 20 20" aria-hidden="true" focusable="false" v-html="signs[each.state]"></svg>{{ each.word }}</span> {{ each.cause }}
              <span class="ep-why">{{ local(each) }}</span></td>
            <td class="ep-time" :title="exact(each.since)">{{ each.ended ? between(each.since, each.ended, each) : when(each.since, each) }}
              <span v-if="each.ended" class="ep-note fw-soft">{{ lasted(each) }}</span></td>
            <td>
              <template v-if="each.found"><b>{{ each.found }}</b><span v-if="each.note" class="ep-note">{{ each.note }}</span>
                <span class="fw-soft ep-why">{{ each.foundBy }}<template v-if="each.closed">, <fw-time :ms="each.closed" form="when"></fw-time></template></span>
                <span v-if="each.former" class="fw-soft ep-note">{{ formerly(each) }}</span>
                <span v-if="each.episode in busy" class="ep-busy">{{ busy[each.episode] }}</span>
                <button v-else-if="may" type="button" class="fw-button ep-small" @click="ask('close', each)">Correct<span class="ep-hidden"> what was said of {{ each.device }}</span></button></template>
              <span v-else-if="each.episode in busy" class="ep-busy">{{ busy[each.episode] }}</span>
              <button v-else-if="may" type="button" class="fw-button ep-small" @click="ask('close', each)">Say what it was<span class="ep-hidden"> with {{ each.device }}</span></button>
              <span v-else class="fw-soft">Nobody has said</span>
              <p v-if="errors[each.episode]" class="ep-error" role="alert">{{ errors[each.episode] }}</p>
            </td>
          </tr>
        </tbody>
      </table>
      <dialog ref="snooze" class="ep-dialog" :aria-labelledby="id + '-snooze'" @cancel="asked = null">
        <h2 :id="id + '-snooze'">Be quiet about {{ asked && asked.device }} for how long?</h2>
        <p class="fw-soft">It stays in this list, at its end, and nobody is told of it until then, even if it gets worse.</p>
        <div class="ep-choices">
          <button v-for="[words, until] in lengths()" :key="words" type="button" class="fw-button" @click="decide({ action: 'snooze', until: new Date(until()).toISOString() })">{{ words }}</button>
        </div>
        <div class="ep-foot"><button type="button" class="fw-button" @click="cancel('snooze')">Cancel</button></div>
      </dialog>
      <dialog ref="close" class="ep-dialog" :aria-labelledby="id + '-close'" @cancel="asked = null">
        <form method="dialog" @submit.prevent="missing() || decide({ action: 'close', found, mode: modes().length && mode !== unknown ? mode : null, ...ended(), note: note.trim() || null, corrects: !!(asked && asked.found) })">
          <h2 :id="id + '-close'">What was wrong with {{ asked && asked.device }}?</h2>
          <p class="fw-soft">{{ asked && asked.found ? "What was said before is kept beside it." : past ? "What you say is kept with the episode." : "Your answer closes the episode." }} The next model is trained with it.</p>
          <fieldset class="ep-found">
            <legend class="ep-hidden">What was found</legend>
            <label v-for="(words, value) in foundWords" :key="value"><input type="radio" :name="id + '-found'" :value="value" v-model="found" required>{{ words }}</label>
          </fieldset>
          <label v-if="modes().length" class="ep-field">Which one?
            <select v-model="mode" class="ep-input" required><option value="" disabled>Choose …</option><option v-for="[value, words] in modes()" :key="value" :value="value">{{ words }}</option><option :value="unknown">Not known</option></select>
          </label>
          <fieldset v-if="found === 'fault'" class="ep-found">
            <legend class="ep-legend">How did it end?</legend>
            <label v-for="(words, value) in outcomeWords" :key="value"><input type="radio" :name="id + '-outcome'" :value="value" v-model="outcome" required>{{ words }}</label>
          </fieldset>
          <label v-if="found === 'fault'" class="ep-field">When?
            <input class="ep-input" type="datetime-local" v-model="at" :required="unseen()" :min="asked && stamp(Math.ceil(asked.since / 60e3) * 60e3)" :max="stamp(latest())">
            <span class="fw-soft ep-hint">{{ hint() }}</span>
          </label>
          <label class="ep-field">Note <span class="fw-soft">(optional)</span>
            <input class="ep-input" v-model="note" maxlength="1000" autocomplete="off" placeholder="such as: bearing replaced">
          </label>
          <div class="ep-foot">
            <p :id="id + '-missing'" class="ep-missing fw-soft" aria-live="polite">{{ missing() }}</p>
            <button type="button" class="fw-button" @click="cancel('close')">Cancel</button>
            <button type="submit" class="fw-button fw-primary" :aria-disabled="missing() ? 'true' : null" :aria-describedby="id + '-missing'">{{ past ? "Keep what it was" : "Close the episode" }}</button>
          </div>
        </form>
      </dialog>
    </div>`,
  props: {
    id: { type: String, default: "ep" },
    episodes: { type: Array, default: () => [] },
    may: Boolean,
    live: Boolean,
    calm: Boolean,
    past: Boolean,
    head: { type: String, default: "" },
    empty: { type: String, default: "" },
    most: { type: String, default: "" }, // what the ones marked `many` have in common
    signs: { type: Object, default: () => ({}) }, // our own drawings
    foundWords: { type: Object, default: () => ({}) },
    modeWords: { type: Object, default: () => ({}) },
    outcomeWords: { type: Object, default: () => ({}) },
  },
  emits: ["act"],
  data() {
    return { told: null, busy: {}, errors: {}, said: "", seen: false, asked: null, unknown: UNKNOWN, found: "", mode: "", outcome: "prevented", at: "", note: "", tick: 0 };
  },
  computed: {
    shown() {
      return this.told ? this.told.episodes : this.episodes;
    },
    /** Those of one trouble that most fans have are one entry, which can be opened. */
    groups() {
      const most = this.told ? this.told.most : this.most;
      const many = most ? this.shown.filter((each) => each.many) : [];
      if (many.length < 2) return [{ head: "", list: this.shown }];
      const others = this.shown.filter((each) => !each.many);
      const head = { head: window.fanwatch.local(most, window.fanwatch.now()), list: many };
      return others.length ? [head, { head: "", list: others }] : [head];
    },
    line() {
      return this.told ? this.told.head : this.head;
    },
  },
  watch: {
    episodes() {
      this.told = null;
    },
    found() {
      this.mode = this.diagnosed();
    },
    outcome() {
      this.at = this.failed();
    },
    shown(list) {
      for (const each of list) if (this.noted.delete(each.episode)) delete this.busy[each.episode];
      // What the server's message shows need not be said any longer.
      const here = new Set(list.map((each) => each.episode));
      for (const name of Object.keys(this.errors)) if (!here.has(name)) delete this.errors[name];
    },
  },
  created() {
    this.noted = new Set(); // done, and not yet seen on its card
  },
  mounted() {
    if (this.live)
      this.stop = window.fanwatch.listen((message) => {
        if (message.page && message.page.episodes) this.told = message.page;
      });
    this.clock = setInterval(() => this.tick++, 20000);
  },
  unmounted() {
    if (this.stop) this.stop();
    clearInterval(this.clock);
  },
  methods: {
    /** The time that it is for its fan. */
    now(each) {
      void this.tick;
      return each.clock || window.fanwatch.now();
    },
    when(ms, each) {
      return window.fanwatch.when(ms, this.now(each));
    },
    between(from, to, each) {
      return window.fanwatch.between(from, to, this.now(each));
    },
    local(each) {
      return window.fanwatch.local(each.why, this.now(each));
    },
    /** Times in a sentence by the viewer's clock. */
    timed: (text) => window.fanwatch.local(text),
    formerly(each) {
      return window.fanwatch.local(each.former, this.now(each));
    },
    exact: (ms) => new Date(ms).toLocaleString(),
    span(each) {
      return window.fanwatch.span(each.left[0], each.left[1], this.now(each));
    },
    overdue(each) {
      return each.left[1] <= this.now(each);
    },
    lasted(each) {
      return `${window.fanwatch.length(each.ended - each.since)}${each.stopped ? `, stopped ${this.when(each.stopped, each)}` : ""}`;
    },
    lengths() {
      const after = (hours) => () => window.fanwatch.now() + hours * HOUR;
      return [["1 hour", after(1)], ["4 hours", after(4)], ["Until tomorrow, 07:00", tomorrow], ["3 days", after(72)], ["1 week", after(168)]];
    },
    modes() {
      return this.modeWords[this.found] || [];
    },
    ask(which, each) {
      this.asked = each;
      // Of a sensor it is known what was seen; what a fan has, nobody knows before somebody has looked.
      this.found = each.state === "instrument" ? "instrument" : "";
      this.outcome = each.state === "stopped" ? "failed" : "prevented";
      this.mode = this.diagnosed();
      this.at = this.failed();
      this.note = "";
      this.$refs[which].showModal();
    },
    /** What the forecast has seen of the sensor, where that is what was found. */
    diagnosed() {
      return (this.found === "instrument" && this.asked && this.asked.mode) || "";
    },
    /** What has still to be said before the episode can be closed, a sentence. */
    missing() {
      if (!this.found) return "Choose what was found.";
      if (this.modes().length && !this.mode) return "Choose which one it was.";
      if (this.found === "fault" && this.unseen() && !this.at) return "Say when it failed.";
      return "";
    },
    /** Whether nobody but the one who answers knows when it failed; that forecast-fan does not, where it stopped just now. */
    unseen() {
      const each = this.asked;
      return this.outcome === "failed" && !!each && (each.state !== "stopped" || each.stood != null) && !each.stopped;
    },
    /** When it failed, as far as this page has seen it. */
    failed() {
      return this.outcome === "failed" && this.asked && this.asked.stood ? this.stamp(this.asked.stood) : "";
    },
    hint() {
      const each = this.asked;
      if (!each || this.unseen()) return "When the fan stopped.";
      if (this.outcome === "failed") return `Left empty: when it was seen to stop${each.stopped ? `, ${this.when(each.stopped, each)}` : ""}.`;
      return `When it was repaired, or stopped to be. Left empty: ${!this.past ? "now" : each.ended ? `when the episode was over, ${this.when(each.ended, each)}` : "when the episode was over"}.`;
    },
    ended() {
      if (this.found !== "fault") return {};
      return { outcome: this.outcome, outcomeAt: this.at ? new Date(this.at).toISOString() : null };
    },
    /** Times as the browser's own input has them: in the viewer's zone, to the minute. */
    stamp: (ms) => new Date(ms - new Date(ms).getTimezoneOffset() * 60e3).toISOString().slice(0, 16),
    latest: () => window.fanwatch.now(),
    cancel(which) {
      this.$refs[which].close();
      this.asked = null;
    },
    decide(command) {
      const each = this.asked;
      this.$refs.snooze.close();
      this.$refs.close.close();
      this.asked = null;
      if (each) this.act(each, command);
    },
    act(each, command) {
      delete this.errors[each.episode];
      this.said = "";
      this.noted.delete(each.episode);
      this.busy[each.episode] = { acknowledge: "Noting …", snooze: "Noting …", close: "Closing …" }[command.action];
      this.$emit("act", { episode: each.episode, ...command });
    },
    /** The server's answer. */
    answered(episode, words, seen, error) {
      // What its card will show is said aloud only; until it does, the card says that it is being noted.
      this.seen = seen;
      if (error || !seen) delete this.busy[episode];
      else {
        this.noted.add(episode);
        setTimeout(() => this.noted.delete(episode) && delete this.busy[episode], SHOWN_MS);
      }
      // Where somebody else has closed it meanwhile, there is no card any more to say so.
      if (error && !this.shown.some((each) => each.episode === episode)) [this.said, this.seen] = [error, false];
      else if (error) this.errors[episode] = error;
      else this.said = words;
    },
  },
};
