// Pieces of the page that more than one place uses.

/** A native slider with a number box beside it; `onInput(value)` is told of either. */
class Slider {
  constructor({ name, low, high, step, value, onInput, about }) {
    this.step = step;
    const shared = { min: low, max: high, step, "aria-describedby": about?.id ?? "" };
    this.range = el("input", { type: "range", ...shared, "aria-label": name });
    this.box = el("input", { type: "number", ...shared, "aria-label": `${name}, as a number` });
    this.range.addEventListener("input", () => this.told(this.range, onInput));
    this.box.addEventListener("input", () => this.told(this.box, onInput));
    this.box.addEventListener("blur", () => this.set(Number(this.range.value)));
    this.set(value);
  }

  told(source, onInput) {
    if (source.value === "" || !source.checkValidity()) return;
    const other = source === this.range ? this.box : this.range;
    other.value = source.value;
    onInput(Number(source.value));
  }

  set(value) {
    this.range.value = String(value);
    this.box.value = Number(this.range.value).toFixed(this.step < 1 ? 2 : 0);
  }
}

/** Telling words, updated in place so that a slider's every move can be shown. */
class WordList {
  constructor(count) {
    this.lines = Array.from({ length: count }, () => {
      const word = el("span", { className: "word", dir: "auto" });
      const bar = el("span", { className: "bar", "aria-hidden": "true" }, el("span"));
      const times = el("span", { className: "number" });
      return { word, fill: bar.firstChild, times, line: el("li", {}, word, bar, times) };
    });
    this.none = el("p", { className: "note" }, "None: the code says no more than the middle of all.");
    this.list = el("ol", { className: "words" }, ...this.lines.map(({ line }) => line));
    this.element = el("div", {}, this.list, this.none);
  }

  show(words) {
    this.none.hidden = words.length > 0;
    this.lines.forEach(({ word, fill, times, line }, place) => {
      line.hidden = place >= words.length;
      if (line.hidden) return;
      word.textContent = words[place].word;
      times.textContent = `× ${short(words[place].times)}`;
      fill.style.transform = `scaleX(${words[place].nats / words[0].nats})`;
    });
  }
}

const short = (times) => (times < 10 ? times.toFixed(1) : grouped(Math.round(times)));

/** Pixels [channels * height * width] in [0, 1] on a canvas. */
class Picture {
  constructor(shape, label, style = "") {
    [this.channels, this.height, this.width] = shape;
    const size = { width: this.width, height: this.height };
    const told = label ? { role: "img", "aria-label": label } : { "aria-hidden": "true" };
    this.element = el("canvas", { ...size, ...told, className: `picture ${style}` });
    this.context = this.element.getContext("2d");
    this.image = this.context.createImageData(this.width, this.height);
  }

  show(pixels) {
    const plane = this.width * this.height;
    const { data } = this.image;
    for (let at = 0; at < plane; at++) {
      for (let channel = 0; channel < 3; channel++) {
        const from = this.channels === 3 ? channel * plane : 0;
        data[4 * at + channel] = 255 * pixels[from + at];
      }
      data[4 * at + 3] = 255;
    }
    this.context.putImageData(this.image, 0, 0);
    return this;
  }
}

/** What a code decodes to: an image, or the most probable words. */
class Decoded {
  constructor(model, label, style = "large") {
    this.model = model;
    this.view = model.isText ? new WordList(SHOWN_WORDS) : new Picture(model.facts.shape, label, style);
    this.element = this.view.element;
  }

  show(z) {
    const decoded = this.model.decode(z);
    this.view.show(this.model.isText ? this.model.tellingWords(decoded, SHOWN_WORDS) : decoded);
  }
}

const SHOWN_WORDS = 10;
const STEPS = 5; // of a way between two examples, both ends included
const WORDS_OF_A_STEP = 5;

/** A few steps of a way between two codes, in pictures. */
class StepPictures {
  constructor(shape) {
    this.pictures = Array.from({ length: STEPS }, () => new Picture(shape, "", "small"));
    this.element = el("div", { className: "strip" }, ...this.pictures.map(({ element }) => element));
  }

  show(model, onWay) {
    this.pictures.forEach((picture, step) => picture.show(model.decode(onWay(step / (STEPS - 1)))));
  }
}

/** The same in words. */
class StepWords {
  constructor() {
    this.body = el("tbody");
    const titles = ["Way", "Words that the code makes likelier"];
    this.element = el(
      "table",
      { className: "steps" },
      el("caption", { className: "unseen" }, "The way from A to B in steps"),
      el("thead", {}, el("tr", {}, ...titles.map((title) => el("th", { scope: "col" }, title)))),
      this.body,
    );
  }

  show(model, onWay) {
    const shares = Array.from({ length: STEPS }, (_, step) => step / (STEPS - 1));
    this.body.replaceChildren(
      ...shares.map((share) => {
        const words = model.tellingWords(model.decode(onWay(share)), WORDS_OF_A_STEP);
        const told = words.map(({ word }) => word).join(", ");
        return el("tr", {}, el("th", { scope: "row", className: "number" }, share.toFixed(2)), el("td", { dir: "auto" }, told));
      }),
    );
  }
}

/** A table with pages, of `rows` that `cells(row)` turns into nodes. */
class PagedTable {
  constructor(caption, header, cells, size = 12) {
    Object.assign(this, { cells, size, rows: [], page: 0 });
    this.body = el("tbody");
    this.where = el("span", { role: "status" });
    this.back = el("button", { type: "button", onclick: () => this.turn(-1) }, "Previous");
    this.next = el("button", { type: "button", onclick: () => this.turn(1) }, "Next");
    const titles = header.map((title) => el("th", { scope: "col" }, title));
    const table = el(
      "table",
      {},
      el("caption", { className: "unseen" }, caption),
      el("thead", {}, el("tr", {}, ...titles)),
      this.body,
    );
    const scroll = { className: "scroll", tabIndex: 0, role: "region", "aria-label": caption };
    this.element = el(
      "div",
      {},
      el("div", scroll, table),
      el("p", { className: "pager" }, this.back, this.where, this.next),
    );
  }

  show(rows) {
    this.rows = rows;
    this.page = 0;
    this.fill();
  }

  turn(by) {
    this.page += by;
    this.fill();
  }

  fill() {
    const start = this.page * this.size;
    const shown = this.rows.slice(start, start + this.size);
    this.body.replaceChildren(
      ...shown.map((row) => el("tr", {}, ...this.cells(row).map((cell) => el("td", {}, cell)))),
    );
    const last = start + shown.length;
    this.where.textContent = shown.length
      ? `${grouped(start + 1)} to ${grouped(last)} of ${grouped(this.rows.length)}`
      : "No row";
    this.back.disabled = this.page === 0;
    this.next.disabled = last >= this.rows.length;
  }
}

/** A section with its heading; `side` parts it from that of a model beside it. */
function section(title, side, style, ...children) {
  return el(
    "section",
    { className: `card ${style}`, "aria-label": title + side },
    el("h3", {}, title),
    ...children,
  );
}
