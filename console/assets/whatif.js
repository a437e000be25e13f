// A reading by hand or a file of them, the verdict, and what would change it. Words from outside are put in as text.
const SHOWN = 200;
const WAIT_MS = 200;

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

export default {
  template: `
    <div class="ty">
      <p class="pl-head fw-soft">Have a reading judged. It goes to the model and nowhere else: nothing is stored, and no alarm comes of it.</p>
      <div class="ty-top ac-section">
        <form class="fw-card ty-form" aria-label="A reading" @submit.prevent="ask()">
          <div v-for="each in sensors" :key="each.name" class="ty-sensor">
            <label :for="id(each)">{{ each.label }} <span v-if="each.unit" class="fw-soft">{{ each.unit }}</span></label>
            <input class="ep-input ty-number" :id="id(each)" type="number" step="any" inputmode="decimal" required v-model.number="values[each.name]" :aria-describedby="id(each) + '-hint'" @input="soon()">
            <input class="ty-slide" type="range" :min="each.range[0]" :max="each.range[1]" step="0.1" v-model.number="values[each.name]" :aria-label="each.label + ', slider'" @input="soon()">
            <span class="fw-soft ty-hint" :id="id(each) + '-hint'">healthy {{ round(each.healthy[0]) }} to {{ round(each.healthy[1]) }}</span>
          </div>
          <div class="ty-foot">
            <button type="submit" class="fw-button fw-primary">Judge it</button>
            <button type="button" class="fw-button" @click="healthy()">A healthy fan</button>
            <button type="button" class="fw-button" @click="worn()">A worn bearing</button>
          </div>
          <div class="ty-take">
            <label for="ty-fan">Or start from a fan’s last reading</label>
            <div class="ty-pair"><input id="ty-fan" class="ep-input" v-model.trim="fan" autocomplete="off" autocapitalize="none" spellcheck="false" placeholder="fan-03" @keydown.enter.prevent="take()"><button type="button" class="fw-button" @click="take()">Take it</button></div>
            <p v-if="takeError" class="ep-error" role="alert">{{ takeError }}</p>
          </div>
        </form>
        <div class="ty-right">
        <div class="fw-card ty-verdict" :class="tone()" role="status" aria-live="polite" :aria-busy="asking ? 'true' : 'false'">
          <p v-if="error" class="ep-error">{{ error }}</p>
          <p v-else-if="!answer" class="fw-empty">{{ asking ? "Asking the model …" : "Nothing judged yet." }}</p>
          <template v-else>
            <p class="ty-word">{{ word() }}<span v-if="answer.cause" class="ty-cause"> because of {{ answer.cause.toLowerCase() }}</span></p>
            <p v-if="answer.remark" class="ty-remark">{{ answer.remark[0].toUpperCase() + answer.remark.slice(1) }}.</p>
            <template v-if="answer.probability !== null">
              <div class="ty-scale" aria-hidden="true"><span class="ty-fill" :style="{ width: 100 * answer.probability + '%' }"></span><span class="ty-mark" :style="{ left: 100 * answer.threshold + '%' }"></span></div>
              <p class="ty-numbers">Probability of a fault <b>{{ answer.probability.toFixed(4) }}</b>, a fault from <b>{{ answer.threshold.toFixed(4) }}</b> on</p>
              <h2 class="ty-if">What would change that</h2>
              <ul class="ty-sentences"><li v-for="each in answer.sentences" :key="each">{{ each }}</li></ul>
            </template>
            <p class="fw-soft ty-model">Model {{ answer.model }}</p>
          </template>
        </div>
      <section v-show="answer && answer.curves.length" class="ty-curves" aria-labelledby="ty-curves">
        <h2 id="ty-curves">Each sensor alone</h2>
        <p class="fw-soft pl-about">Probability of a fault while one sensor changes and the others stay. Above the dashed line it is a fault.</p>
        <div class="ty-charts">
          <figure v-for="each in sensors" :key="each.name" class="fw-card ty-figure">
            <figcaption>{{ each.label }} <span v-if="each.unit" class="fw-soft">{{ each.unit }}</span></figcaption>
            <div class="ty-chart" :ref="(element) => (places[each.name] = element)" role="img" :aria-label="described(each)"></div>
          </figure>
        </div>
      </section>
        </div>
      </div>
      <section class="ac-section" aria-labelledby="ty-file">
        <h2 id="ty-file">A file of readings</h2>
        <label class="ty-drop" :class="{ 'ty-over': over }" @dragover.prevent="over = true" @dragleave="over = false" @drop.prevent="over = false; send($event.dataTransfer.files[0])">
          <input type="file" accept=".csv,.ndjson,.jsonl,.json,text/csv" @change="send($event.target.files[0]); $event.target.value = ''">
          <span><b>Choose a file</b> or drop it here: CSV with the columns DeviceID, {{ sensors.map((each) => each.label).join(", ") }}, or a JSON reading a line</span>
        </label>
        <p v-if="sending" class="fw-soft" role="status">Scoring {{ sending }} …</p>
        <p v-if="fileError" class="ep-error" role="alert">{{ fileError }}</p>
        <div v-if="file" class="ty-file">
          <p role="status"><b>{{ file.name }}</b>: {{ counted() }}</p>
          <button type="button" class="fw-button ep-small" @click="download()">Download the results</button>
          <div class="ty-scroll" tabindex="0" role="region" aria-label="Results"><table class="fw-table">
            <thead><tr><th scope="col">Line</th><th scope="col">Fan</th><th scope="col">Verdict</th><th scope="col">Probability</th><th scope="col">Cause</th><th scope="col">Remark</th></tr></thead>
            <tbody><tr v-for="row in notable()" :key="row[0]"><td>{{ row[0] }}</td><td>{{ row[1] }}</td><td><b :class="row[3] === 'fault' ? 'ty-bad' : ''">{{ row[3] }}</b></td><td>{{ row[4] === null ? "–" : row[4].toFixed(4) }}</td><td>{{ row[5] }}</td><td class="ty-wrap">{{ row[6] }}</td></tr></tbody>
          </table></div>
          <p v-if="file.total > ${SHOWN}" class="fw-soft">The table has {{ notable().length }} of them, those to look at first.</p>
        </div>
      </section>
    </div>`,
  props: { sensors: Array, mostBytes: Number },
  emits: ["ask", "take"],
  data() {
    return { values: {}, fan: "", answer: null, error: "", asking: false, takeError: "", over: false, sending: "", file: null, fileError: "" };
  },
  created() {
    this.places = {};
    this.charts = {};
    this.redraw = () => this.draw();
    this.fit = () => Object.values(this.charts).forEach((chart) => chart.resize());
    const asked = new URLSearchParams(location.search);
    for (const each of this.sensors) this.values[each.name] = Number(asked.get(each.name)) || this.round(each.median);
  },
  mounted() {
    window.addEventListener("fanwatch:theme", this.redraw);
    window.addEventListener("resize", this.fit);
    this.ask();
  },
  unmounted() {
    window.removeEventListener("fanwatch:theme", this.redraw);
    window.removeEventListener("resize", this.fit);
    clearTimeout(this.timer);
    Object.values(this.charts).forEach((chart) => chart.dispose());
  },
  methods: {
    id: (each) => `ty-${each.name}`,
    round: (value) => Math.round(value * 10) / 10,
    soon() {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.ask(), WAIT_MS);
    },
    ask() {
      clearTimeout(this.timer);
      this.asking = true;
      // A page that has only just been built is connected a moment later.
      if (!window.socket?.connected) return (this.timer = setTimeout(() => this.ask(), WAIT_MS));
      this.$emit("ask", { ...this.values });
    },
    healthy() {
      for (const each of this.sensors) this.values[each.name] = this.round(each.median);
      this.ask();
    },
    /** As a bearing shows it: vibration far beyond what healthy fans show, sound and warmth a little. */
    worn() {
      const beyond = { vibration: 0.3, sound: 0.05, temperature: 0.02 };
      for (const each of this.sensors) {
        const [low, high] = each.healthy;
        const share = beyond[each.name];
        this.values[each.name] = this.round(share === undefined ? each.median : high + share * (high - low));
      }
      this.ask();
    },
    take() {
      this.takeError = "";
      if (this.fan) this.$emit("take", this.fan);
    },
    /** The server's answers. */
    taken(values, error) {
      this.takeError = error || "";
      if (!values) return;
      for (const each of this.sensors) this.values[each.name] = this.round(values[each.name]);
      this.ask();
    },
    answered(answer, error) {
      this.asking = false;
      this.error = error || "";
      this.answer = answer;
      this.$nextTick(() => this.draw());
    },
    tone() {
      if (!this.answer || this.error) return "";
      return { 1: "s-alarm", 0: "s-ok" }[this.answer.fault] || "s-unknown";
    },
    word() {
      return { 1: "Fault", 0: "Healthy" }[this.answer.fault] || "Not judged";
    },
    described(each) {
      const curve = this.answer && this.answer.curves.find((one) => one.sensor === each.name);
      if (!curve) return each.label;
      const words = curve.spans.map(([low, high, fault]) => `${fault ? "a fault" : "healthy"} from ${this.round(low)} to ${this.round(high)}`);
      return `${each.label}: ${words.join(", ")}; it is ${this.round(curve.now)} now`;
    },
    async draw() {
      if (!this.answer || !this.answer.curves.length) return;
      const { echarts } = await import("nicegui-echart");
      if (!this.answer) return;
      for (const curve of this.answer.curves) {
        const place = this.places[curve.sensor];
        if (!place) continue;
        const chart = (this.charts[curve.sensor] ||= echarts.init(place, null, { renderer: "svg" }));
        chart.setOption(this.options(curve), true);
      }
    },
    options(curve) {
      const [ink, soft, line, bad, good] = ["--ink", "--soft", "--line", "--alarm", "--ok"].map(colour);
      const at = this.answer.probability;
      const first = curve.points[0][0];
      const last = curve.points[curve.points.length - 1][0];
      const text = { color: soft, fontSize: 11, fontFamily: "inherit" };
      return {
        animation: false,
        aria: { enabled: false },
        grid: { left: 34, right: 14, top: 12, bottom: 24 },
        xAxis: { type: "value", min: first, max: last, axisLabel: { ...text, showMinLabel: false, showMaxLabel: false, hideOverlap: true }, axisLine: { lineStyle: { color: line } }, axisTick: { show: false }, splitLine: { show: false } },
        yAxis: { type: "value", min: 0, max: 1, interval: 0.5, axisLabel: text, splitLine: { lineStyle: { color: line } } },
        tooltip: { trigger: "axis", confine: true, backgroundColor: colour("--raised"), borderColor: line, textStyle: { color: ink, fontFamily: "inherit" }, formatter: ([point]) => `${this.round(point.value[0])}: ${point.value[1].toFixed(4)}` },
        series: [
          {
            type: "line",
            data: curve.points,
            showSymbol: false,
            lineStyle: { color: ink, width: 2 },
            itemStyle: { color: ink },
            markArea: { silent: true, data: curve.spans.map(([low, high, fault]) => [{ xAxis: low, itemStyle: { color: fault ? bad : good, opacity: 0.13 } }, { xAxis: high }]) },
            markLine: { silent: true, symbol: "none", label: { show: false }, data: [{ yAxis: this.answer.threshold, lineStyle: { color: soft, type: "dashed" } }] },
            markPoint: { silent: true, symbol: "circle", symbolSize: 11, label: { show: false }, itemStyle: { color: this.answer.fault ? bad : good, borderColor: colour("--surface"), borderWidth: 2 }, data: [{ coord: [curve.now, at] }] },
          },
        ],
      };
    },
    async send(file) {
      if (!file) return;
      this.file = null;
      this.fileError = "";
      if (file.size > this.mostBytes) {
        this.fileError = `This page takes files of up to ${this.mostBytes / 1e6} MB. The command fanwatch score FILE takes any size.`;
        return;
      }
      this.sending = file.name;
      try {
        const response = await fetch(`/try/file?name=${encodeURIComponent(file.name)}`, { method: "POST", body: file, headers: { "Content-Type": "application/octet-stream" } });
        const content = await response.json();
        if (response.ok) this.file = Object.freeze(content);
        else this.fileError = content.error || `The server answered ${response.status}.`;
      } catch {
        this.fileError = "The server did not answer. Try again in a moment.";
      } finally {
        this.sending = "";
      }
    },
    counted() {
      const counts = Object.entries(this.file.counts).filter(([, count]) => count);
      return `${this.file.total.toLocaleString()} readings: ${counts.map(([verdict, count]) => `${count.toLocaleString()} ${verdict}`).join(", ")}`;
    },
    notable() {
      const rank = { fault: 0, refused: 1, "not judged": 2, healthy: 3 };
      return [...this.file.rows].sort((a, b) => rank[a[3]] - rank[b[3]] || a[0] - b[0]).slice(0, SHOWN);
    },
    download() {
      // A cell that begins like a formula would be one in a spreadsheet.
      const cell = (value) => `"${String(value ?? "").replace(/^([=+@\t\r-])/, "'$1").replaceAll('"', '""')}"`;
      const lines = [["line", "deviceID", "timeStamp", "verdict", "probability", "cause", "remark"], ...this.file.rows].map((row) => row.map(cell).join(","));
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([lines.join("\r\n") + "\r\n"], { type: "text/csv" }));
      link.download = `${this.file.name.replace(/\.[^.]*$/, "")}-scored.csv`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    },
  },
};
