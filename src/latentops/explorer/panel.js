// One model, looked into: its answer, its map, its units, and the way between two examples.

const NEIGHBOURS = 5;
const FIRST_UNITS = 8; // sliders before "show all"
const MOST_UNKNOWN = 20; // words named
const LEAST_RANGE = 3; // of a slider, on either side of 0

const SIGNALS = {
  margin: ["No label fits", "minus the highest score of a label"],
  rate: ["Says little to the encoder", "minus the nats of its code"],
  known: ["Few words are known", "minus log(1 + known words)"],
  unknown: ["Words never seen", "log(1 + unknown words)"],
};

class Panel {
  constructor(model, app, place) {
    Object.assign(this, { model, app, place });
    this.texts = model.facts.texts.map((text) => text.toLowerCase());
    this.base = new Float32Array(model.latent);
    this.subject = null;
    this.build();
  }

  get state() {
    return this.app.state;
  }

  /** Said behind the names of parts that stand twice. */
  get side() {
    return this.state.shown.length > 1 ? [", left", ", right"][this.place] : "";
  }

  get changes() {
    return this.state.units[this.place];
  }

  build() {
    const cards = [this.buildAnswer(), this.buildMap()];
    if (this.model.facts.live) cards.push(this.buildUnits(), this.buildBetween());
    this.element = el(
      "article",
      { className: "panel" },
      this.buildTitle(),
      el("div", { className: "cards" }, ...cards),
    );
    this.element.setAttribute("aria-labelledby", this.title.id);
  }

  buildTitle() {
    this.title = el("h2", { id: newId("model") }, titleOf(this.model.facts));
    return el("header", { className: "model" }, this.title, el("p", { className: "meta" }, metaOf(this.model)));
  }

  /** All of it, as the state says. */
  update() {
    this.subject = this.app.subjectFor(this.model);
    this.showAnswer();
    this.showFilter();
    if (!this.model.facts.live) return;
    this.updateUnits();
    this.updateBetween();
  }

  // Answer

  buildAnswer() {
    this.answer = el("div", { className: "answer-body", "aria-live": "polite", tabIndex: -1 });
    return section("Answer", this.side, "answer", this.answer);
  }

  showAnswer() {
    const found = this.read(this.subject);
    this.found = found;
    this.base = found.z;
    const row = this.subject?.row ?? -1;
    this.map.pin({ own: this.subject ? found.z : null });
    this.map.choose(row);
    const held = this.answer.contains(document.activeElement);
    this.answer.replaceChildren(...(this.subject ? this.answerNodes(found, row) : [this.invitation()]));
    if (held) this.answer.focus(); // what was pressed is gone
  }

  invitation() {
    const can = this.model.isText && this.model.facts.live;
    return el("p", { className: "note" }, can ? "Type a text above, or pick a row on the map." : "Pick a row on the map.");
  }

  /** What the model makes of a subject; of a row that the page cannot run, what was stored. */
  read(subject) {
    const { model } = this;
    if (!subject) return { z: new Float32Array(model.latent) };
    const text = subject.text ?? model.facts.texts[subject.row];
    const whole = model.isText ? !(subject.row >= 0) || this.isWhole(text) : true;
    if (!model.facts.live || !whole) return { z: model.codeOf(subject.row), ...this.stored(subject.row) };
    const judged = model.classify(model.isText ? text : model.pixelsOf(subject.row));
    return { z: judged.code.mean, ...judged };
  }

  /** Counts that came ready have no text, and of a long text only the beginning is here. */
  isWhole(text) {
    return !text.endsWith("…") && this.model.facts.whole;
  }

  stored(row) {
    const label = this.model.values("rows.label");
    if (!label) return {};
    return {
      label: label[row],
      probability: this.model.values("rows.probability")[row],
      outOfScope: this.model.values("rows.out_of_scope")[row] === 1,
    };
  }

  answerNodes(found, row) {
    return [
      row >= 0 ? this.rowNode(row) : null,
      found.label === undefined ? null : this.verdictNode(found),
      found.best && found.best.length > 1 ? this.othersNode(found.best) : null,
      found.reading ? wordsNode(found.reading) : null,
      found.parts ? meterNode(found, this.model.facts.threshold) : null,
      this.model.facts.live ? this.likelyNode(found) : null,
      this.neighboursNode(found.z, row),
    ].filter(Boolean);
  }

  rowNode(row) {
    const { model } = this;
    const label = model.values("rows.y")[row];
    const known = el("p", { className: "of-row" }, `Validation row ${row + 1}, `, this.labelNode(label, row));
    if (!model.isText) return el("div", {}, model.facts.live ? null : this.imageOf(row), known); // else it stands below
    return el("div", {}, el("blockquote", { dir: "auto" }, model.facts.texts[row]), known);
  }

  labelNode(label, row) {
    const stranger = label < 0 && this.model.values("rows.in_scope")[row] === 0;
    const name = stranger ? "out of scope" : this.model.labelName(label);
    return el("span", { className: "label" }, markIcon(label), el("span", { dir: "auto" }, name));
  }

  verdictNode({ label, probability, outOfScope }) {
    const flag = outOfScope ? "Out of scope" : "In scope";
    return el(
      "p",
      { className: "verdict" },
      markIcon(label),
      el("strong", { dir: "auto" }, this.model.labelName(label)),
      el("span", { className: "number" }, percent(probability)),
      el("span", { className: outOfScope ? "flag strange" : "flag" }, outOfScope ? "⚠ " : "✓ ", flag),
    );
  }

  othersNode(best) {
    const others = best.slice(1).map(([label, share]) => `${this.model.labelName(label)} ${percent(share)}`);
    return el("p", { className: "note", dir: "auto" }, `Then ${others.join(", ")}.`);
  }

  likelyNode({ z }) {
    const title = el("h4", {}, this.model.isText ? "Words that its code makes likelier" : "As it is, and out of its code");
    if (this.model.isText) {
      const words = new WordList(5);
      words.show(this.model.tellingWords(this.model.decode(z), 5));
      return el("div", {}, title, words.element);
    }
    const made = new Picture(this.model.facts.shape, "The image decoded from its code").show(this.model.decode(z));
    return el("div", {}, title, el("div", { className: "pair-of-images" }, this.imageOf(this.subject.row), made.element));
  }

  imageOf(row) {
    return new Picture(this.model.facts.shape, "The image of this row").show(this.model.pixelsOf(row)).element;
  }

  neighboursNode(z, row) {
    const items = this.model.nearest(z, NEIGHBOURS, row).map(([other, distance]) =>
      el("li", {}, this.rowButton(other), el("span", { className: "number", title: "distance" }, distance.toFixed(2))),
    );
    return el("div", {}, el("h4", {}, "Nearest validation rows"), el("ol", { className: "neighbours" }, ...items));
  }

  /** A button that makes the row the example. */
  rowButton(row) {
    const label = this.model.values("rows.y")[row];
    const pick = { type: "button", className: "row-button", onclick: () => this.app.pick(this.model, row) };
    const told = this.model.isText
      ? el("span", { dir: "auto" }, this.model.facts.texts[row] || "(empty)")
      : el("span", {}, `Row ${row + 1}`);
    return el("button", pick, markIcon(label), this.thumbnail(row), told, el("span", { className: "unseen" }, `, ${this.model.labelName(label)}`));
  }

  thumbnail(row) {
    if (this.model.isText) return null;
    return new Picture(this.model.facts.shape, "", "small").show(this.model.pixelsOf(row)).element;
  }

  // Map

  buildMap() {
    this.map = new CodeMap(this.model, (row) => this.app.pick(this.model, row), (row) => this.describe(row));
    this.search = el("input", { type: "search", id: newId("search"), oninput: () => this.app.find(this.search.value) });
    this.count = el("p", { className: "note", role: "status" });
    this.legend = this.buildLegend();
    this.table = this.buildTable();
    const title = `Map of ${grouped(this.model.rows)} validation rows`;
    return section(
      title,
      this.side,
      "map-card",
      el("div", { className: "search" }, this.searchNode(), this.kindNode()),
      this.map.element,
      this.count,
      this.legend,
      this.table,
    );
  }

  searchNode() {
    const what = this.model.isText ? "Find a text or label" : "Find a label";
    return el("p", {}, el("label", { htmlFor: this.search.id }, what), this.search);
  }

  /** Which of the two maps; none to choose where there is one. */
  kindNode() {
    if (!this.model.values("map.near")) return null;
    const options = [
      el("option", { value: "near" }, "Neighbourhoods (t-SNE)"),
      el("option", { value: "far" }, "Main directions (PCA)"),
    ];
    const onchange = (event) => this.app.layOut(event.target.value);
    this.kind = el("select", { id: newId("kind"), onchange }, ...options);
    return el("p", {}, el("label", { htmlFor: this.kind.id }, "Layout"), this.kind);
  }

  describe(row) {
    const label = this.model.values("rows.y")[row];
    const text = this.model.isText ? this.model.facts.texts[row] : "";
    const nodes = [this.labelNode(label, row)];
    if (this.model.isText) nodes.unshift(el("span", { className: "tip-text", dir: "auto" }, text));
    else nodes.unshift(this.thumbnail(row));
    return { nodes, text: `Row ${row + 1}: ${text} ${this.model.labelName(label)}` };
  }

  buildLegend() {
    const counts = new Map();
    this.model.values("rows.y").forEach((label) => counts.set(label, (counts.get(label) ?? 0) + 1));
    const labels = [...counts.keys()].sort((one, other) => one - other);
    this.keys = labels.map((label) => this.legendKey(label, counts.get(label)));
    if (labels.length === 1 && labels[0] < 0) return null;
    return el("div", { className: "legend", role: "group", "aria-label": "Labels: press one to see it alone" }, ...this.keys);
  }

  legendKey(label, count) {
    const name = label < 0 ? "no label or out of scope" : this.model.labelName(label);
    const onclick = () => this.app.choose(this.state.label === name ? "" : name);
    const key = el("button", { type: "button", className: "key", onclick }, markIcon(label), el("span", { dir: "auto" }, name), el("span", { className: "number" }, grouped(count)));
    key.dataset.name = name;
    return key;
  }

  buildTable() {
    const header = ["Row", this.model.isText ? "Text" : "Image", "Label", "Model", "Across", "Up"];
    const caption = `The rows of the map${this.side}`;
    this.paged = new PagedTable(caption, header, (row) => this.tableCells(row));
    return el("details", {}, el("summary", {}, "The map as a table"), this.paged.element);
  }

  tableCells(row) {
    const stored = this.stored(row);
    const said = stored.label === undefined ? "–" : this.model.labelName(stored.label);
    const place = this.map.points[row].map((value) => signed(value));
    const label = this.labelNode(this.model.values("rows.y")[row], row);
    return [String(row + 1), this.rowButton(row), label, stored.outOfScope ? `out of scope (${said})` : said, ...place];
  }

  showFilter() {
    const { find, label } = this.state;
    const wanted = find.trim().toLowerCase();
    if (this.search.value !== find) this.search.value = find;
    this.keys.forEach((key) => key.setAttribute("aria-pressed", String(key.dataset.name === label)));
    const labels = this.model.values("rows.y");
    const lit = Array.from(labels, (y, row) => this.matches(row, y, wanted, label));
    const kind = this.kind ? this.state.map : "far";
    if (this.kind) this.kind.value = kind;
    this.map.setKind(kind);
    this.map.light((row) => lit[row]);
    const rows = Array.from(lit.keys()).filter((row) => lit[row]);
    this.count.textContent =
      rows.length === lit.length ? mapNote(this.model, kind) : `${grouped(rows.length)} of ${grouped(lit.length)} rows are found; the others fade.`;
    const asked = JSON.stringify([wanted, label, kind]);
    if (asked !== this.asked) this.paged.show(rows);
    this.asked = asked;
  }

  matches(row, y, wanted, label) {
    const name = y < 0 ? "no label or out of scope" : this.model.labelName(y);
    if (label && name !== label) return false;
    return !wanted || name.toLowerCase().includes(wanted) || (this.texts[row] ?? "").includes(wanted);
  }

  // Units

  buildUnits() {
    this.units = unitsOf(this.model);
    this.ranges = rangesOf(this.model);
    this.sliders = new Map();
    this.list = el("div", { className: "sliders" });
    this.decoded = new Decoded(this.model, "The image that the sliders make");
    this.says = el("p", { className: "note" });
    this.more = el("button", { type: "button", onclick: () => this.app.showAll(!this.state.all) });
    this.drawUnits = onFrame(() => this.showUnits());
    const reset = el("button", { type: "button", onclick: () => this.resetUnits() }, "Back to the example");
    const what = this.model.isText ? "the words that its code then makes likelier, by how many times" : "the image";
    return section(
      "Active units",
      this.side,
      "units",
      el("p", { className: "note" }, `The most informative first, in nats. Move one and see ${what}. ${this.units.length} of ${this.model.latent} are active.`),
      el("div", { className: "made" }, this.decoded.element, this.says),
      this.list,
      el("p", { className: "buttons" }, this.more, reset),
    );
  }

  updateUnits() {
    const shown = this.state.all ? this.units : this.units.slice(0, FIRST_UNITS);
    if (this.list.children.length !== shown.length) {
      this.list.replaceChildren(...shown.map((z) => this.unitRow(z)));
    }
    this.more.hidden = this.units.length <= FIRST_UNITS;
    this.more.textContent = this.state.all ? `Only the first ${FIRST_UNITS}` : `All ${this.units.length}`;
    for (const [z, slider] of this.sliders) slider.set(this.changes[z] ?? this.base[z]);
    this.showUnits();
  }

  unitRow(z) {
    const about = el("p", { className: "unit-about", id: newId("unit") }, ...this.aboutUnit(z));
    const [low, high] = this.ranges[z];
    const name = `Unit ${z}`;
    const slider = new Slider({ name, low, high, step: 0.05, value: this.base[z], about, onInput: (value) => this.move(z, value) });
    this.sliders.set(z, slider);
    const nats = this.model.values("units.nats")[z];
    return el(
      "div",
      { className: "slider" },
      el("span", { className: "unit-name" }, name, el("small", {}, `${nats.toFixed(2)} nats`)),
      slider.range,
      slider.box,
      about,
    );
  }

  /** What its two ends stand for: words that gain, or images. */
  aboutUnit(z) {
    const ends = this.ranges[z].map((value) => this.model.decode(changed(new Float32Array(this.model.latent), z, value)));
    if (!this.model.isText) {
      return ends.map((pixels) => new Picture(this.model.facts.shape, "", "small").show(pixels).element);
    }
    const gained = [gains(this.model, ends[0], ends[1]), gains(this.model, ends[1], ends[0])];
    return [
      el("span", { dir: "auto" }, `− ${gained[0].join(", ")}`),
      el("span", { dir: "auto" }, `${gained[1].join(", ")} +`),
    ];
  }

  move(z, value) {
    this.changes[z] = value;
    this.drawUnits();
    this.app.remember();
  }

  resetUnits() {
    this.state.units[this.place] = {};
    this.app.remember();
    this.updateUnits();
  }

  get z() {
    const z = Float32Array.from(this.base);
    for (const [unit, value] of Object.entries(this.changes)) z[unit] = value;
    return z;
  }

  showUnits() {
    const { z } = this;
    this.decoded.show(z);
    const isMoved = Object.keys(this.changes).length > 0;
    this.map.pin({ moved: isMoved ? z : null });
    if (this.model.isText || !this.model.canClassify) return;
    const { label, probability } = this.model.classify(this.model.decode(z));
    this.says.textContent = `The model reads it as ${this.model.labelName(label)}, ${percent(probability)}.`;
  }

  // Between two examples

  buildBetween() {
    this.way = new Decoded(this.model, "The image on the way");
    this.ends = { a: el("span", { className: "end" }), b: el("span", { className: "end" }) };
    this.share = new Slider({ name: "Way from A to B", low: 0, high: 1, step: 0.01, value: 0.5, onInput: (value) => this.walk(value) });
    this.drawWay = onFrame(() => this.showWay());
    this.strip = this.model.isText ? new StepWords() : new StepPictures(this.model.facts.shape);
    const set = (end) => el("button", { type: "button", onclick: () => this.app.setEnd(end, this.model) }, `The example becomes ${end.toUpperCase()}`);
    const line = (end) => el("p", { className: "end-line" }, el("strong", {}, `${end.toUpperCase()} `), this.ends[end]);
    return section(
      "From A to B",
      this.side,
      "between",
      line("a"),
      line("b"),
      el("div", { className: "slider way" }, el("span", { className: "unit-name" }, "A to B"), this.share.range, this.share.box),
      el("div", { className: "made" }, this.way.element),
      this.strip.element,
      el("p", { className: "buttons" }, set("a"), set("b")),
    );
  }

  updateBetween() {
    this.codes = {};
    for (const end of ["a", "b"]) {
      const subject = this.app.endFor(end, this.model);
      this.codes[end] = this.read(subject).z;
      this.ends[end].replaceChildren(...this.endNodes(subject));
    }
    this.map.pin(this.codes);
    this.share.set(this.state.t);
    this.strip.show(this.model, (share) => this.onWay(share));
    this.showWay();
  }

  endNodes(subject) {
    if (subject.text !== undefined) return [el("span", { dir: "auto" }, subject.text)];
    const label = this.model.values("rows.y")[subject.row];
    return [this.thumbnail(subject.row), el("span", { dir: "auto" }, this.model.facts.texts[subject.row] ?? `Row ${subject.row + 1}`), this.labelNode(label, subject.row)].filter(Boolean);
  }

  onWay(share) {
    return between(this.codes.a, this.codes.b, share);
  }

  walk(share) {
    this.state.t = share;
    this.drawWay();
    this.app.remember();
  }

  showWay() {
    this.way.show(this.onWay(this.state.t));
  }
}

function titleOf({ name, version, lineage_key: key }) {
  return version === null ? `${name}, lineage ${key.slice(0, 12)}` : `${name}, version ${version}`;
}

function metaOf(model) {
  const { facts } = model;
  const synthetic = facts.synthetic ? " (synthetic)" : "";
  const active = model.values("units.active").reduce((sum, each) => sum + each, 0);
  const told = [
    `${facts.source}${synthetic}`,
    `β = ${facts.beta}`,
    `${active} of ${facts.latent} units active`,
    ...("accuracy" in facts.scores ? [`accuracy ${percent(facts.scores.accuracy)} on test`] : []),
    ...("elbo_nats" in facts.scores ? [`ELBO ${signed(facts.scores.elbo_nats)} nats`] : []),
  ];
  return told.join(" · ");
}

function mapNote({ facts, rows }, kind) {
  const near = "Near marks have near codes; how far apart others stand says little.";
  const far = `The two directions in which the codes vary most; they hold ${percent(facts.explained, 0)} of it.`;
  const sampled = rows < facts.rows_in_all ? ` ${grouped(rows)} of ${grouped(facts.rows_in_all)} rows, drawn by chance.` : "";
  return (kind === "near" ? near : far) + sampled;
}

/** Those that have a slider, the most informative first. */
function unitsOf(model) {
  const nats = model.values("units.nats");
  const active = model.values("units.active");
  const order = Array.from(nats.keys()).sort((one, other) => nats[other] - nats[one]);
  const found = order.filter((z) => active[z]);
  return found.length ? found : order.slice(0, 1);
}

/** The ends of each unit's slider. */
function rangesOf(model) {
  const steps = model.values("rows.mean");
  const scale = model.values("rows.mean.scale");
  return Array.from(scale, (step, z) => {
    let most = LEAST_RANGE;
    for (let at = z; at < steps.length; at += model.latent) most = Math.max(most, Math.abs(step * steps[at]));
    return [-Math.ceil(most), Math.ceil(most)];
  });
}

function changed(z, unit, value) {
  z[unit] = value;
  return z;
}

/** The three words that tell `shares` from `other` best. */
function gains(model, shares, other) {
  return model.tellingWords(shares, 3, other).map(({ word }) => word);
}

/** The words of a text, with those that the model never saw. */
function wordsNode({ words, unknown }) {
  const strange = words.filter(([, known]) => !known);
  const chips = words.slice(0, 60).map(([word, known]) =>
    known ? el("span", { className: "chip", dir: "auto" }, word) : el("mark", { className: "chip unknown", dir: "auto" }, word, el("span", { className: "unseen" }, " (unknown)")),
  );
  const named = strange.slice(0, MOST_UNKNOWN).map(([word]) => word).join(", ");
  const told = strange.length
    ? `${strange.length} of ${words.length} words are unknown: ${named}.`
    : words.length ? `All ${words.length} words are known.` : "It has no word.";
  const pairs = unknown > strange.length ? ` With pairs of words, ${unknown} terms are unknown.` : "";
  return el("div", {}, el("p", { className: "chips" }, ...chips), el("p", { className: "note", dir: "auto" }, told + pairs));
}

/** How strange an input is, and what adds to it. */
function meterNode({ strangeness, parts, outOfScope }, threshold) {
  const widest = Math.max(Math.abs(strangeness), Math.abs(threshold), ...parts.map(({ adds }) => Math.abs(adds))) * 1.1 || 1;
  const side = outOfScope ? "above" : "below";
  const told = `Strangeness ${signed(strangeness)}, ${side} the threshold ${signed(threshold)}`;
  const rows = parts.map(({ name, value, adds }) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, SIGNALS[name]?.[0] ?? name, el("small", {}, SIGNALS[name]?.[1] ?? "")),
      el("td", { className: "number" }, signed(value)),
      el("td", { className: "number" }, `${adds < 0 ? "" : "+"}${signed(adds)}`),
      el("td", { className: "bar-cell" }, track(adds, widest, null, false)),
    ),
  );
  const head = ["Signal", "Value", "Adds"].map((title) => el("th", { scope: "col" }, title));
  return el(
    "div",
    { className: "meter" },
    el("h4", {}, "How strange it is"),
    track(strangeness, widest, threshold, outOfScope),
    el("p", { className: "note" }, `${told}.`),
    el("table", { className: "parts" }, el("caption", { className: "unseen" }, "What adds to the strangeness"), el("thead", {}, el("tr", {}, ...head, el("td"))), el("tbody", {}, ...rows)),
  );
}

/** A bar from 0 in the middle to `value`, and a tick at the threshold. */
function track(value, widest, threshold, strange) {
  const fill = el("span", { className: strange ? "fill strange" : "fill" });
  const share = (Math.abs(value) / widest) * 50;
  fill.style.left = `${value < 0 ? 50 - share : 50}%`;
  fill.style.width = `${share}%`;
  const tick = threshold === null ? null : el("span", { className: "tick" });
  if (tick) tick.style.left = `${50 + (threshold / widest) * 50}%`;
  return el("div", { className: threshold === null ? "track" : "track wide", "aria-hidden": "true" }, el("span", { className: "zero" }), fill, tick);
}
