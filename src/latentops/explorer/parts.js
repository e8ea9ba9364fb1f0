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

/** Words with bars for their shares, updated in place so that a slider's every move can be shown. */
class WordList {
  constructor(count) {
    this.lines = Array.from({ length: count }, () => {
      const word = el("span", { className: "word" });
      const bar = el("span", { className: "bar", "aria-hidden": "true" }, el("span"));
      const share = el("span", { className: "number" });
      return { word, fill: bar.firstChild, share, line: el("li", {}, word, bar, share) };
    });
    this.element = el("ol", { className: "words" }, ...this.lines.map(({ line }) => line));
  }

  show(words) {
    const most = words.length ? words[0][1] : 1;
    this.lines.forEach(({ word, fill, share, line }, place) => {
      line.hidden = place >= words.length;
      if (line.hidden) return;
      word.textContent = words[place][0];
      share.textContent = percent(words[place][1]);
      fill.style.transform = `scaleX(${words[place][1] / most})`;
    });
  }
}

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
    this.view.show(this.model.isText ? this.model.topWords(decoded, SHOWN_WORDS) : decoded);
  }
}

const SHOWN_WORDS = 10;

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

/** A section with its heading; `level` is the heading's. */
function section(title, style, ...children) {
  const id = newId(style);
  return el(
    "section",
    { className: `card ${style}`, "aria-labelledby": id },
    el("h3", { id }, title),
    ...children,
  );
}
