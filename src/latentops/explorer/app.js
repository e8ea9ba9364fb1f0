// The page: what is asked, which models are shown, and its state in the address.

const FIRST = { q: "", row: -1, find: "", label: "", a: "", b: "", t: 0.5, all: false, map: "near" };
const REMEMBER_AFTER = 150; // milliseconds: browsers refuse an address that changes with each frame
const MOST_SHOWN = 2;

class App {
  constructor(models) {
    this.models = models;
    this.state = { ...FIRST, shown: models.slice(0, MOST_SHOWN).map((_, at) => at), units: [{}, {}] };
    this.remember = settled(() => this.writeAddress(), REMEMBER_AFTER);
    this.made = new Map();
    this.readAddress();
    this.body = el("div", { className: `panels panels-${this.state.shown.length}` });
    this.element = el("div", {}, this.header(), this.body, this.footer());
    this.open();
    addEventListener("hashchange", () => this.onAddress());
  }

  // What is asked

  /** A text, or a row of the first model, as `model` has it; null: nothing is asked. */
  subjectFor(model) {
    if (this.state.q) return model.isText && model.facts.live ? { text: this.state.q } : this.rowFor(model, this.state.row);
    return this.rowFor(model, this.state.row);
  }

  /** Where nothing was asked yet, the row that A is. */
  rowFor(model, row) {
    if (row < 0 && !this.state.q) return { row: firstOf(model, "a") };
    const there = this.sameRow(row, model);
    return there < 0 ? null : { row: there };
  }

  /** The row of `model` that shows what that row of the first model shows; -1: none does. */
  sameRow(row, model) {
    const [first] = this.models;
    if (row < 0 || row >= first.rows) return -1;
    if (model === first) return row;
    const text = first.facts.texts[row];
    if (text === undefined) return samePixels(first, model, row) ? row : -1;
    return model.facts.texts[row] === text ? row : model.facts.texts.indexOf(text);
  }

  /** What was typed, or the text of the row that was picked. */
  askedText() {
    const { texts, whole } = this.models[0].facts;
    return this.state.q || (whole && texts[this.state.row]) || "";
  }

  ask(text) {
    this.state.q = text;
    this.state.row = -1;
    this.again();
  }

  pick(model, row) {
    const [first] = this.models;
    const text = model.facts.texts[row];
    this.state.row = model === first || text === undefined ? row : first.facts.texts.indexOf(text);
    this.state.q = this.state.row < 0 ? text : "";
    this.again();
  }

  /** Nothing that was moved by hand holds for another example. */
  again() {
    this.state.units = [{}, {}];
    this.update();
  }

  find(text) {
    this.state.find = text;
    this.filter();
  }

  choose(label) {
    this.state.label = label;
    this.filter();
  }

  layOut(kind) {
    this.state.map = kind;
    this.filter();
  }

  filter() {
    this.panels.forEach((panel) => panel.showFilter());
    this.remember();
  }

  showAll(all) {
    this.state.all = all;
    this.update();
  }

  setEnd(end) {
    const { q, row } = this.state;
    this.state[end] = q ? `t${q}` : row >= 0 ? `r${row}` : this.state[end];
    this.update();
  }

  endFor(end, model) {
    const told = this.state[end];
    if (told.startsWith("t") && model.isText) return { text: told.slice(1) };
    const row = told.startsWith("r") ? this.sameRow(whole(told.slice(1), -1), model) : -1;
    return { row: row < 0 ? firstOf(model, end) : row };
  }

  // Parts

  header() {
    const [{ facts }] = this.models;
    return el(
      "header",
      { className: "top" },
      el("p", { className: "eyebrow" }, "LatentOps explorer"),
      el("h1", { dir: "auto" }, this.models.length === 1 ? `Inside ${facts.name}` : `Inside ${this.models.length} models`),
      this.warnings(),
      this.askForm(),
      this.chooser(),
    );
  }

  warnings() {
    const still = this.models.filter(({ facts }) => !facts.live);
    if (!still.length) return null;
    return el(
      "p",
      { className: "warned", role: "note" },
      `The page does not run ${still.map(({ facts }) => `${titleOf(facts)} (${facts.kind})`).join(", ")}: it has the map, the table and the neighbours; typing, sliders and ways between examples are for models of words (bow) and of images (mlp) that fit into the page.`,
    );
  }

  askForm() {
    if (!this.models.some((model) => model.isText && model.facts.live)) return null;
    this.input = el("input", { type: "text", id: newId("ask"), autocomplete: "off", dir: "auto", placeholder: this.example() });
    this.input.addEventListener("input", settled(() => this.ask(this.input.value), 120));
    const form = el("form", { className: "ask", onsubmit: (event) => { event.preventDefault(); this.ask(this.input.value); } },
      el("label", { htmlFor: this.input.id }, "Type a text"),
      this.input,
    );
    return form;
  }

  example() {
    const found = this.models[0].facts.texts.find((text) => text.length > 12 && text.length < 48);
    return found ? `for instance: ${found}` : "";
  }

  chooser() {
    if (this.models.length < 2) return null;
    const betas = new Set(this.models.map(({ facts }) => facts.beta));
    return el("div", { className: "chooser" }, ...this.selects(), betas.size > 1 ? this.betaSlider() : null, this.comparison());
  }

  selects() {
    this.choices = this.state.shown.map((shown, place) => {
      const options = this.models.map(({ facts }, at) => el("option", { value: String(at) }, `${titleOf(facts)} · β = ${facts.beta}`));
      return el("select", { id: newId("choice"), onchange: (event) => this.put(place, Number(event.target.value)) }, ...options);
    });
    return this.choices.map((choice, place) =>
      el("p", { className: "choice" }, el("label", { htmlFor: choice.id }, place === 0 ? "On the left" : "On the right"), choice),
    );
  }

  /** Over all models from the least beta to the greatest; it chooses the one on the left. */
  betaSlider() {
    this.byBeta = Array.from(this.models.keys()).sort((one, other) => this.models[one].facts.beta - this.models[other].facts.beta);
    this.betaTold = el("output", { className: "number" });
    this.beta = el("input", { type: "range", id: newId("beta"), min: 0, max: this.byBeta.length - 1, step: 1 });
    this.beta.addEventListener("input", () => this.put(0, this.byBeta[Number(this.beta.value)]));
    return el("p", { className: "choice beta" }, el("label", { htmlFor: this.beta.id }, "β of the left one"), this.beta, this.betaTold);
  }

  comparison() {
    this.scores = el("tbody");
    this.columns = el("tr");
    const scroll = { className: "scroll", tabIndex: 0, role: "region", "aria-label": "Both models in numbers" };
    return el("div", scroll, el("table", {}, el("caption", { className: "unseen" }, "Both models in numbers"), el("thead", {}, this.columns), this.scores));
  }

  footer() {
    return el("footer", {}, ...this.models.map((model) => el("p", { className: "note" }, madeOf(model.facts))), el("p", { className: "note" }, "All of it stands in this file: nothing that you type leaves it, and no example of the test split is shown."));
  }

  // Showing

  open() {
    this.panels = this.state.shown.map((at, place) => this.panelOf(at, place));
    this.body.replaceChildren(...this.panels.map((panel) => panel.element));
    this.update();
  }

  /** Made once: its map listens to the page for ever. */
  panelOf(at, place) {
    const key = `${at}/${place}`;
    if (!this.made.has(key)) this.made.set(key, new Panel(this.models[at], this, place));
    return this.made.get(key);
  }

  put(place, at) {
    this.state.shown[place] = at;
    this.state.units[place] = {};
    this.open();
  }

  update() {
    if (this.input && document.activeElement !== this.input) this.input.value = this.askedText();
    if (this.choices) this.showChoices();
    this.panels.forEach((panel) => panel.update());
    this.remember();
  }

  showChoices() {
    this.choices.forEach((choice, place) => (choice.value = String(this.state.shown[place])));
    const shown = this.state.shown.map((at) => this.models[at].facts);
    if (this.beta) {
      this.beta.value = String(this.byBeta.indexOf(this.state.shown[0]));
      this.betaTold.textContent = `β = ${shown[0].beta}`;
      this.beta.setAttribute("aria-valuetext", `β = ${shown[0].beta}, ${titleOf(shown[0])}`);
    }
    const titles = ["Score", ...shown.map(titleOf)];
    this.columns.replaceChildren(...titles.map((title) => el("th", { scope: "col" }, title)));
    this.scores.replaceChildren(...scoreRows(shown));
  }

  // The address

  writeAddress() {
    const { shown, units, ...plain } = this.state;
    const changed = Object.entries(plain).filter(([key, value]) => value !== FIRST[key]);
    const told = new URLSearchParams(changed.map(([key, value]) => [key, String(value)]));
    if (this.models.length > 1) told.set("shown", shown.join("."));
    units.forEach((moved, place) => {
      const pairs = Object.entries(moved).map(([z, value]) => `${z}_${value}`);
      if (pairs.length) told.set(`u${place}`, pairs.join("~"));
    });
    this.written = `#${told}`;
    try {
      history.replaceState(null, "", this.written);
    } catch {
      // A frame may not be allowed an address of its own: the page works without one.
    }
  }

  readAddress() {
    const told = new URLSearchParams(location.hash.slice(1));
    const text = (key) => told.get(key) ?? FIRST[key];
    for (const key of ["q", "find", "label", "a", "b"]) this.state[key] = text(key);
    const row = whole(told.get("row"), -1);
    this.state.row = row < this.models[0].rows ? row : -1;
    this.state.t = clamp(finite(told.get("t"), FIRST.t), 0, 1);
    this.state.all = told.get("all") === "true";
    this.state.map = told.get("map") === "far" ? "far" : "near";
    const shown = (told.get("shown") ?? "").split(".").map((each) => whole(each, -1));
    this.state.shown = this.state.shown.map((at, place) => (this.models[shown[place]] ? shown[place] : at));
    this.state.units = [0, 1].map((place) => this.readUnits(told.get(`u${place}`) ?? "", place));
  }

  readUnits(told, place) {
    const model = this.models[this.state.shown[place] ?? 0];
    const [units, ranges] = [unitsOf(model), rangesOf(model)];
    const pairs = told.split("~").map((pair) => pair.split("_"));
    const moved = pairs.map(([z, value]) => [whole(z, -1), finite(value, null)]);
    const known = moved.filter(([z, value]) => units.includes(z) && value !== null);
    return Object.fromEntries(known.map(([z, value]) => [z, clamp(value, ...ranges[z])]));
  }

  onAddress() {
    if (location.hash === this.written) return;
    this.readAddress();
    this.open();
  }
}

/** Whether both show the same image there. */
function samePixels(one, other, row) {
  if (row >= other.rows || String(one.facts.shape) !== String(other.facts.shape)) return false;
  const shown = other.pixelsOf(row);
  return one.pixelsOf(row).every((value, at) => value === shown[at]);
}

const whole = (text, otherwise) => (/^\d{1,9}$/.test(text ?? "") ? Number(text) : otherwise);

function finite(text, otherwise) {
  const value = Number(text);
  return text?.trim() && Number.isFinite(value) ? value : otherwise;
}

/** The first row of the commonest label for A, of the next one for B. */
function firstOf(model, end) {
  const counts = new Map();
  model.values("rows.y").forEach((label) => counts.set(label, (counts.get(label) ?? 0) + 1));
  const labels = [...counts.keys()].filter((label) => label >= 0).sort((one, other) => counts.get(other) - counts.get(one) || one - other);
  const wanted = labels[end === "a" ? 0 : Math.min(1, labels.length - 1)];
  const row = model.values("rows.y").indexOf(wanted ?? -2);
  return row < 0 ? Math.min(end === "a" ? 0 : 1, model.rows - 1) : row;
}

function scoreRows(shown) {
  const rows = [
    ["Test accuracy", (facts) => ("accuracy" in facts.scores ? percent(facts.scores.accuracy) : "–")],
    ["ELBO, nats", (facts) => ("elbo_nats" in facts.scores ? signed(facts.scores.elbo_nats) : "–")],
    ["Rate, nats", (facts) => ("rate_nats" in facts.scores ? signed(facts.scores.rate_nats) : "–")],
    ["Active units", (facts) => `${facts.scores.active_units ?? "–"} of ${facts.latent}`],
    ["Trained with β", (facts) => String(facts.beta)],
    ["Study, trial", (facts) => (facts.study ? `${facts.study}, ${facts.trial}` : "–")],
  ];
  return rows.map(([name, told]) =>
    el("tr", {}, el("th", { scope: "row" }, name), ...shown.map((facts) => el("td", { className: "number" }, told(facts)))),
  );
}

function madeOf(facts) {
  const title = titleOf(facts);
  if (!facts.live) return `${title}: codes and answers as they were when the page was made.`;
  const left = facts.kept_terms < 1 ? ` The page has the weights of the ${percent(facts.kept_terms, 0)} of its terms that matter most.` : "";
  const same = facts.agreement === null ? "" : ` They leave ${percent(facts.agreement)} of the labels of these rows as the model has them.`;
  return `${title} runs in this page with weights of 8 bits.${same}${left}`;
}

/** For tests, and for who opens the console. */
function published(models, app) {
  const [first] = models;
  return {
    models,
    app,
    between,
    terms: (text, words, lengths) => first.terms.all(text, words, lengths),
    pairs: (text) => first.terms.pairs(text),
    classify: (given, at = 0) => plain(models[at], models[at].classify(given)),
    decode: (z, at = 0) => Array.from(models[at].decode(Float32Array.from(z))),
  };
}

function plain(model, found) {
  const mean = Array.from(found.code.mean);
  const logVariance = Array.from(found.code.logVariance);
  if (found.label === undefined) return { mean, logVariance };
  const { probability, strangeness, outOfScope, parts } = found;
  return { mean, logVariance, label: model.labelName(found.label), probability, strangeness, outOfScope, parts };
}

async function start() {
  const { casefold, models: packed } = JSON.parse(document.getElementById("data").textContent);
  const terms = new Terms(casefold);
  const models = [];
  for (const each of packed) models.push(new Model(await unpacked(each), terms));
  const app = new App(models);
  document.getElementById("app").replaceChildren(app.element);
  app.panels.forEach((panel) => panel.map.drawAll());
  window.latentops = published(models, app);
}

start().catch((error) => {
  document.getElementById("app").textContent = `This browser cannot show the page: ${error.message}`;
  throw error;
});
