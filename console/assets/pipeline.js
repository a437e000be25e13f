// How the parts are, the ledger, and dead letters. What came from outside is put in as text by Vue.
const TONE = { ok: "ok", attention: "warning", down: "alarm", unknown: "unknown", off: "unknown" };

export default {
  template: `
    <div class="pl">
      <p v-if="!health" class="fw-empty">Asking every part how it is …</p>
      <template v-else>
        <p class="pl-head fw-soft">{{ headline() }}</p>
        <p v-if="health.trouble" class="pl-trouble">{{ health.trouble }}</p>
        <section v-if="health.ledger" class="fw-card pl-ledger ac-section" aria-labelledby="pl-ledger">
          <h2 id="pl-ledger">Was every reading scored?</h2>
          <p class="pl-verdict" :class="'s-' + tone(health.ledger.state)"><span class="fw-state"><svg viewBox="0 0 20 20" aria-hidden="true" focusable="false" v-html="signs[tone(health.ledger.state)]"></svg>{{ { ok: "Yes", unknown: "Not known yet" }[health.ledger.state] || (health.ledger.dead ? "Not every one" : "Look here") }}</span> {{ health.ledger.words }} <a v-if="health.ledger.dead" href="#pl-letters">See the dead letters</a></p>
          <dl class="pl-figures">
            <div><dt>came in</dt><dd>{{ n(health.ledger.stored) }}</dd></div>
            <div><dt>scored</dt><dd>{{ n(health.ledger.scored) }}</dd></div>
            <div><dt>dead letters</dt><dd>{{ n(health.ledger.dead) }}</dd></div>
          </dl>
          <details v-if="health.counters.length"><summary>The connector’s own counts, since it started</summary>
            <dl class="pl-counts"><div v-for="[name, value] in health.counters" :key="name"><dt>{{ name }}</dt><dd>{{ n(value) }}</dd></div></dl>
          </details>
        </section>
        <section class="ac-section" aria-labelledby="pl-parts">
          <h2 id="pl-parts">Parts</h2>
          <ul class="pl-parts">
            <li v-for="part in health.parts" :key="part.name" class="pl-part" :class="'s-' + tone(part.state)">
              <span class="pl-name">{{ part.name }}</span>
              <span class="fw-state"><svg viewBox="0 0 20 20" aria-hidden="true" focusable="false" v-html="signs[tone(part.state)]"></svg>{{ part.word }}</span>
              <span class="pl-words">{{ part.words }}</span>
              <span class="pl-does fw-soft">{{ part.does }}</span>
            </li>
          </ul>
        </section>
        <section class="ac-section" aria-labelledby="pl-letters">
          <h2 id="pl-letters">Dead letters</h2>
          <p class="fw-soft pl-about">Messages that could not be scored. Each is kept as it came, and can be sent again once its cause is gone.</p>
          <p class="ep-said" role="status" aria-live="polite">{{ said }}</p>
          <p v-if="letters === null" class="fw-empty">Not known without the store.</p>
          <p v-else-if="!letters.length" class="fw-empty">There are none.</p>
          <table v-else class="fw-table pl-table">
            <thead><tr><th scope="col">First seen</th><th scope="col">Reason</th><th scope="col">Topic</th><th scope="col">Content</th><th scope="col"><span class="ep-hidden">Actions</span></th></tr></thead>
            <tbody>
              <template v-for="each in letters" :key="each.id">
                <tr :data-letter="each.id">
                  <td class="ep-time"><fw-time :ms="each.seen" form="when"></fw-time><span v-if="each.count > 1" class="fw-soft"> ×{{ each.count }}</span></td>
                  <td><b>{{ each.reason }}</b><span class="ep-note">{{ each.error }}</span><span v-if="each.sent" class="fw-soft ep-note">Sent again <fw-time :ms="each.sent" form="when"></fw-time>{{ each.refused ? ", and refused again" : "" }}</span></td>
                  <td class="pl-topic">{{ each.topic }}</td>
                  <td class="ep-time">{{ n(each.length) }} bytes</td>
                  <td class="pl-acts">
                    <button type="button" class="fw-button ep-small" :aria-expanded="each.id in open ? 'true' : 'false'" @click="toggle(each)">{{ each.id in open ? "Hide" : "Show" }}<span class="ep-hidden"> content of {{ each.id.slice(0, 8) }}</span></button>
                    <template v-if="may">
                      <span v-if="!each.whole" class="fw-soft">cut, cannot be sent</span>
                      <span v-else-if="busy[each.id]" class="ep-busy">Sending …</span>
                      <button v-else-if="operator" type="button" class="fw-button ep-small" @click="resend(each)">Send again<span class="ep-hidden"> {{ each.id.slice(0, 8) }}</span></button>
                    </template>
                  </td>
                </tr>
                <tr v-if="each.id in open || errors[each.id]" class="pl-more"><td colspan="5">
                  <p v-if="errors[each.id]" class="ep-error" role="alert">{{ errors[each.id] }}</p>
                  <pre v-if="each.id in open" class="pl-payload" tabindex="0" :aria-label="'Content of ' + each.id.slice(0, 8)">{{ open[each.id] === null ? "…" : open[each.id] || "(empty)" }}</pre>
                </td></tr>
              </template>
            </tbody>
          </table>
          <p v-if="may && !operator && letters && letters.length" class="fw-soft">Sending again needs a user of the broker’s role operator: FANWATCH_OPERATOR_USER and FANWATCH_OPERATOR_PASSWORD_FILE.</p>
        </section>
      </template>
    </div>`,
  props: { signs: Object, health: Object, letters: Array, may: Boolean, operator: Boolean },
  emits: ["show", "resend"],
  data() {
    return { open: {}, busy: {}, errors: {}, said: "" };
  },
  methods: {
    n: (value) => Number(value).toLocaleString(),
    tone: (state) => TONE[state],
    headline() {
      const wrong = this.health.parts.filter((part) => part.state === "down" || part.state === "attention");
      const unknown = this.health.parts.filter((part) => part.state === "unknown").map((part) => part.name.toLowerCase());
      if (!wrong.length) return unknown.length ? `What is known of works; of ${unknown.join(" and ")} nothing is known.` : "Every part works.";
      return wrong.length === 1 ? `One part needs a look: ${wrong[0].name.toLowerCase()}.` : `${wrong.length} parts need a look.`;
    },
    toggle(each) {
      if (each.id in this.open) delete this.open[each.id];
      else {
        this.open[each.id] = null;
        this.$emit("show", each.id);
      }
    },
    resend(each) {
      delete this.errors[each.id];
      this.said = "";
      this.busy[each.id] = true;
      this.$emit("resend", each.id);
    },
    /** The server's answers. */
    shown(id, text, error) {
      if (error) {
        this.errors[id] = error;
        delete this.open[id];
      } else if (id in this.open) this.open[id] = text;
    },
    sent(id, words, error) {
      delete this.busy[id];
      if (error) this.errors[id] = error;
      else this.said = words;
    },
  },
};
