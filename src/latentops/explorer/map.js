// The map: a canvas of the shown rows, each marked by its label's colour and shape.

const COLOURS = 7;
const SHAPES = [
  "M-1,0a1,1 0 1,0 2,0a1,1 0 1,0 -2,0Z", // circle
  "M-.9,-.9H.9V.9H-.9Z", // square
  "M0,-1.15L1.1,.85H-1.1Z", // triangle
  "M0,-1.25L1.1,0L0,1.25L-1.1,0Z", // diamond
  "M0,1.15L1.1,-.85H-1.1Z", // triangle on its point
  "M-.4,-1.1H.4V-.4H1.1V.4H.4V1.1H-.4V.4H-1.1V-.4H-.4Z", // plus
  "M-1.1,-.65L-.65,-1.1L0,-.45L.65,-1.1L1.1,-.65L.45,0L1.1,.65L.65,1.1L0,.45L-.65,1.1L-1.1,.65L-.45,0Z", // cross
  "M0,-1.3L.38,-.45L1.25,-.4L.58,.17L.8,1.05L0,.55L-.8,1.05L-.58,.17L-1.25,-.4L-.38,-.45Z", // star
];
const STRANGER = { colour: "muted", path: SHAPES[0], hollow: true };
const MARK_RADII = [2.6, 6]; // CSS pixels, of many rows and of few
const RING_RADIUS = 9;
const MARGIN = 0.06; // of the canvas, around the rows
const REACH = 14; // CSS pixels within which a mark is pointed at
const TIP_GAP = 14; // CSS pixels between a mark and its tip
const TIP_MARGIN = 4; // between a tip and the edge of the map

/** Colour and shape repeat only after 56 labels, filled and hollow after 112. */
function markOf(label) {
  if (label < 0) return STRANGER;
  const cycle = COLOURS * SHAPES.length;
  return {
    colour: `c${label % COLOURS}`,
    path: SHAPES[label % SHAPES.length],
    hollow: Math.floor(label / cycle) % 2 === 1,
  };
}

function markIcon(label) {
  const { colour, path, hollow } = markOf(label);
  const style = `mark ${hollow ? "hollow " : ""}${colour}`;
  return svg(
    "svg",
    { class: style, viewBox: "-1.6 -1.6 3.2 3.2", "aria-hidden": "true" },
    svg("path", { d: path }),
  );
}

class CodeMap {
  /** `onPick(row)` is told which row was chosen; `describe(row)` gives what a tip shows. */
  constructor(model, onPick, describe) {
    Object.assign(this, { model, onPick, describe });
    this.kind = model.values("map.near") ? "near" : "far";
    this.points = model.places(this.kind);
    this.bounds = boundsOf(this.points);
    this.labels = model.values("rows.y");
    this.lit = () => true;
    this.codes = {};
    this.pins = {};
    this.chosen = -1;
    this.pointed = -1;
    this.byKeys = false;
    this.size = [1, 1];
    this.build();
  }

  build() {
    this.base = el("canvas", { className: "layer", role: "presentation" });
    this.top = el("canvas", { className: "layer", role: "presentation" });
    this.tip = el("div", { className: "tip", hidden: true });
    this.said = el("p", { className: "unseen", role: "status" });
    const help = el(
      "p",
      { className: "note", id: newId("map-help") },
      "Point at a mark, or focus the map and use the arrow keys; Enter shows the row.",
    );
    this.frame = el(
      "div",
      {
        className: "map",
        tabIndex: 0,
        role: "application",
        "aria-roledescription": "map",
        "aria-label": `Map of ${grouped(this.model.rows)} validation rows`,
        "aria-describedby": help.id,
      },
      this.base,
      this.top,
      this.tip,
    );
    this.element = el("div", {}, this.frame, this.said, help);
    this.listen();
  }

  listen() {
    const { frame } = this;
    frame.addEventListener("pointermove", (event) => this.onMove(event));
    frame.addEventListener("pointerleave", () => this.leave(false));
    frame.addEventListener("click", (event) => this.onClick(event));
    frame.addEventListener("keydown", (event) => this.onKey(event));
    frame.addEventListener("blur", () => this.leave(true));
    addEventListener("keydown", (event) => this.dismiss(event));
    this.drawTop = onFrame(() => this.paintTop());
    this.drawAll = onFrame(() => this.paint());
    new ResizeObserver(() => this.measure()).observe(frame);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", this.drawAll);
  }

  // Asked from outside

  /** "near": who is near whom; "far": the directions in which the codes vary most. */
  setKind(kind) {
    if (kind === this.kind) return;
    this.point(-1, false);
    this.kind = kind;
    this.points = this.model.places(kind);
    this.bounds = boundsOf(this.points);
    this.pin(this.codes);
    this.drawAll();
  }

  /** Asked once, for asking in each frame would lay the page out each time. */
  measure() {
    this.size = [this.frame.clientWidth, this.frame.clientHeight];
    if (this.pointed >= 0) this.placeTip(this.pointed);
    this.drawAll();
  }

  /** Rows for which `lit` is false fade. */
  light(lit) {
    this.lit = lit;
    this.drawAll();
  }

  /** Marks codes, by name: `own` of the example, `moved` of the sliders, `a` and `b` of a way. */
  pin(codes) {
    Object.assign(this.codes, codes);
    for (const [name, code] of Object.entries(codes)) {
      this.pins[name] = code && this.model.place(code, this.kind);
    }
    this.drawTop();
  }

  /** Marks a row; -1: none. */
  choose(row) {
    this.chosen = row;
    this.drawTop();
  }

  // Pointing

  onKey(event) {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (way) this.point(this.beside(way), true);
    else if (event.key === "Enter" || event.key === " ") this.pick(this.pointed);
    else return;
    event.preventDefault();
  }

  onClick(event) {
    const onTip = this.tip.contains(event.target);
    if (onTip && String(getSelection())) return; // its text was marked, to be copied
    const row = onTip ? this.pointed : this.under(event);
    this.pick(row < 0 && this.isHeld(event) ? this.pointed : row);
  }

  // The tip can be dismissed, be hovered itself, and stays till it is left: WCAG 2.2, 1.4.13.

  /** Wherever the focus is; the row stays pointed at, so that a trembling hand brings no tip back. */
  dismiss(event) {
    if (event.key !== "Escape" || this.tip.hidden) return;
    this.tip.hidden = true;
    event.preventDefault(); // in the search it would empty the field, too
  }

  onMove(event) {
    if (this.isHeld(event)) return;
    const row = this.under(event);
    if (row >= 0) this.point(row, false);
    else this.leave(false);
  }

  /** Keys and pointer each take away only the tip that they brought. */
  leave(byKeys) {
    if (byKeys === this.byKeys) this.point(-1, byKeys);
  }

  /** Whether the pointer is on the tip, or on the way to it from the row. */
  isHeld(event) {
    if (this.tip.hidden) return false;
    if (this.tip.contains(event.target)) return true;
    const [x, y] = this.at(event);
    const [rowX, rowY] = this.pixel(this.points[this.pointed]);
    return Math.abs(x - rowX) <= RING_RADIUS && (y - rowY) * (y - this.tipEdge) <= 0;
  }

  /** The nearest lit row in that direction from the one pointed at, or the one in the middle. */
  beside([right, down]) {
    const from = this.pointed >= 0 ? this.pixel(this.points[this.pointed]) : this.middle();
    let best = this.pointed;
    let least = Infinity;
    this.points.forEach((point, row) => {
      if (row === this.pointed || !this.lit(row)) return;
      const [x, y] = this.pixel(point).map((value, axis) => value - from[axis]);
      const along = x * right + y * down;
      const aside = Math.abs(x * down) + Math.abs(y * right);
      const cost = along + 2 * aside;
      if (along > 0 && aside <= 2 * along && cost < least) [best, least] = [row, cost];
    });
    return best;
  }

  middle() {
    return this.size.map((length) => length / 2);
  }

  at(event) {
    const box = this.frame.getBoundingClientRect();
    return [event.clientX - box.left - this.frame.clientLeft, event.clientY - box.top - this.frame.clientTop];
  }

  under(event) {
    const at = this.at(event);
    let best = -1;
    let least = REACH ** 2;
    this.points.forEach((point, row) => {
      const [x, y] = this.pixel(point);
      const square = (x - at[0]) ** 2 + (y - at[1]) ** 2;
      if (square < least && this.lit(row)) [best, least] = [row, square];
    });
    return best;
  }

  point(row, byKeys) {
    if (row === this.pointed) return;
    this.pointed = row;
    this.byKeys = byKeys;
    this.tip.hidden = row < 0;
    if (row >= 0) {
      this.tip.replaceChildren(...this.describe(row).nodes);
      this.placeTip(row);
    }
    this.said.textContent = row >= 0 && byKeys ? this.describe(row).text : "";
    this.drawTop();
  }

  placeTip(row) {
    const [x, y] = this.pixel(this.points[row]);
    const [mostLeft, lowest] = [this.size[0] - this.tip.offsetWidth, this.size[1] - this.tip.offsetHeight].map((room) => room - TIP_MARGIN);
    const isBelow = y + TIP_GAP <= lowest;
    const top = isBelow ? y + TIP_GAP : Math.max(TIP_MARGIN, y - TIP_GAP - this.tip.offsetHeight);
    this.tip.style.left = `${Math.max(TIP_MARGIN, Math.min(x - this.tip.offsetWidth / 2, mostLeft))}px`;
    this.tip.style.top = `${top}px`;
    this.tipEdge = isBelow ? top : top + this.tip.offsetHeight;
  }

  pick(row) {
    if (row >= 0) this.onPick(row);
  }

  // Drawing

  pixel([x, y]) {
    const { left, right, low, high } = this.bounds;
    return [
      ((x - left) / (right - left)) * this.size[0],
      (1 - (y - low) / (high - low)) * this.size[1],
    ];
  }

  paint() {
    const context = this.cleared(this.base);
    const paths = SHAPES.map((path) => new Path2D(path));
    const colour = (this.colour = this.palette());
    const room = (this.size[0] * this.size[1]) / this.points.length;
    this.radius = clamp(0.23 * Math.sqrt(room), ...MARK_RADII);
    for (const lit of [false, true]) {
      this.points.forEach((point, row) => {
        if (this.lit(row) === lit) this.paintRow(context, point, row, lit, paths, colour);
      });
    }
    this.paintTop();
  }

  paintRow(context, point, row, lit, paths, colour) {
    const mark = markOf(this.labels[row]);
    const path = paths[SHAPES.indexOf(mark.path)];
    this.place2d(context, point, this.radius);
    context.globalAlpha = lit ? 0.85 : 0.12;
    context.fillStyle = context.strokeStyle = colour(mark.colour);
    context.lineWidth = 0.35;
    if (mark.hollow) context.stroke(path);
    else context.fill(path);
  }

  paintTop() {
    if (!this.colour) return; // before the first layout
    const context = this.cleared(this.top);
    const { own, moved, a, b } = this.pins;
    if (this.chosen >= 0) this.paintRing(context, this.points[this.chosen], "ink");
    if (this.pointed >= 0) this.paintRing(context, this.points[this.pointed], "accent");
    if (a) this.paintLetter(context, a, "A");
    if (b) this.paintLetter(context, b, "B");
    if (moved) this.paintPin(context, moved, SHAPES[3]);
    if (own) this.paintPin(context, own, SHAPES[7]);
  }

  paintRing(context, point, name) {
    this.place2d(context, point, RING_RADIUS);
    context.lineWidth = 2 / RING_RADIUS;
    context.strokeStyle = this.colour(name);
    context.stroke(new Path2D(SHAPES[0]));
  }

  paintPin(context, point, shape) {
    const path = new Path2D(shape);
    this.place2d(context, this.held(point), RING_RADIUS);
    context.lineWidth = 0.45;
    context.strokeStyle = this.colour("paper");
    context.stroke(path);
    context.fillStyle = this.colour("ink");
    context.fill(path);
  }

  paintLetter(context, point, letter) {
    this.place2d(context, point, 1);
    context.font = "700 15px system-ui, sans-serif";
    context.lineWidth = 4;
    context.strokeStyle = this.colour("paper");
    context.fillStyle = this.colour("ink");
    context.strokeText(letter, 8, -6);
    context.fillText(letter, 8, -6);
  }

  /** A point outside of the map stands at its edge. */
  held([x, y]) {
    const { left, right, low, high } = this.bounds;
    return [clamp(x, left, right), clamp(y, low, high)];
  }

  place2d(context, point, radius) {
    const ratio = devicePixelRatio || 1;
    const [x, y] = this.pixel(point);
    context.setTransform(ratio * radius, 0, 0, ratio * radius, ratio * x, ratio * y);
  }

  cleared(canvas) {
    const ratio = devicePixelRatio || 1;
    const [width, height] = this.size.map((length) => Math.round(length * ratio));
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const context = canvas.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, width, height);
    context.globalAlpha = 1;
    return context;
  }

  palette() {
    const style = getComputedStyle(this.frame);
    const known = new Map();
    return (name) => {
      if (!known.has(name)) known.set(name, style.getPropertyValue(`--${name}`).trim());
      return known.get(name);
    };
  }
}

function boundsOf(points) {
  const [left, right] = around(points.map(([x]) => x));
  const [low, high] = around(points.map(([, y]) => y));
  return { left, right, low, high };
}

function around(values) {
  const least = values.reduce((one, other) => Math.min(one, other), Infinity);
  const most = values.reduce((one, other) => Math.max(one, other), -Infinity);
  const margin = MARGIN * (most - least) || 1;
  return [least - margin, most + margin];
}
