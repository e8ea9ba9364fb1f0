// The model: what the page holds of it, and its mathematics on int8 weights.

const NORM_EPSILON = 1e-5; // torch's, of BatchNorm
const LOG_VARIANCE = [-8, 4];
const MOST_LOG_EVIDENCE = 20;
const TYPICAL_LOG_LENGTH = 4;
const FIRST_LOG_SCALE = -2;
const LOG_SCALE = [-7, 2];
const LEAST_SINE = 1e-6;
const LEAST_TOLD_NATS = 1e-4; // by a word: less is nothing
const NEIGHBOURS_OF_A_PLACE = 5;

const sigmoid = (x) => 1 / (1 + Math.exp(-x));
const softplus = (x) => (x > 30 ? x : Math.log1p(Math.exp(x)));

/** Abramowitz and Stegun 7.1.26: wrong by 1.5e-7 at most. */
function erf(x) {
  const t = 1 / (1 + 0.3275911 * Math.abs(x));
  const series =
    ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t;
  return Math.sign(x) * (1 - series * Math.exp(-x * x));
}

const ACTIVATIONS = {
  relu: (x) => Math.max(0, x),
  tanh: Math.tanh,
  silu: (x) => x * sigmoid(x),
  gelu: (x) => 0.5 * x * (1 + erf(x / Math.SQRT2)),
};

function softmax(values) {
  const top = values.reduce((most, value) => Math.max(most, value), -Infinity);
  const shares = values.map((value) => Math.exp(value - top));
  const sum = shares.reduce((total, share) => total + share, 0);
  return shares.map((share) => share / sum);
}

/** Rows of int8 steps [rows, columns]; a step is worth `scale` of its row, or of its column. */
class Matrix {
  constructor(steps, [rows, columns], scale, byColumn = false, at = null) {
    Object.assign(this, { steps, rows, columns, scale, byColumn });
    this.place = at && new Map(Array.from(at, (row, place) => [row, place]));
  }

  /** Adds `weight` times that row to `sums`; a row that the page does not hold adds nothing. */
  addRow(sums, row, weight) {
    const place = this.place ? this.place.get(row) : row;
    if (place === undefined || weight === 0) return;
    const worth = this.byColumn ? weight : weight * this.scale[place];
    const start = place * this.columns;
    for (let column = 0; column < sums.length; column++) {
      sums[column] += worth * this.steps[start + column];
    }
  }

  /** The product with a column vector, and `bias`. */
  times(vector, bias) {
    const product = new Float32Array(this.rows);
    for (let row = 0, at = 0; row < this.rows; row++) {
      let sum = 0;
      for (let column = 0; column < this.columns; column++) sum += this.steps[at++] * vector[column];
      product[row] = sum * this.scale[row] + (bias ? bias[row] : 0);
    }
    return product;
  }
}

/** What stands in the page: base64 of gzip of safetensors, whose metadata has the facts. */
async function unpacked(base64) {
  const packed = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const bytes = await new Response(stream).arrayBuffer();
  const length = Number(new DataView(bytes).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 8, length)));
  const { __metadata__: metadata, ...listed } = header;
  const tensors = {};
  for (const [name, told] of Object.entries(listed)) {
    tensors[name] = tensor(bytes, 8 + length, told);
  }
  return { facts: JSON.parse(metadata.facts), tensors };
}

const TYPES = { I8: Int8Array, U8: Uint8Array, I32: Int32Array, F32: Float32Array };

function tensor(bytes, start, { dtype, shape, data_offsets: [from, to] }) {
  const values = new TYPES[dtype](bytes.slice(start + from, start + to));
  return { values, shape };
}

/** One model of the page: its facts, its rows, and where it is `live` its networks. */
class Model {
  constructor({ facts, tensors }, terms) {
    this.facts = facts;
    this.tensors = tensors;
    this.terms = terms;
    this.latent = facts.latent;
    this.activate = ACTIVATIONS[facts.settings.activation];
    this.rows = this.values("rows.y").length;
    this.isText = facts.shape.length === 0;
    this.canClassify = facts.live && facts.threshold !== null;
    if (facts.live) this.wire();
  }

  values(name) {
    return this.tensors[name]?.values;
  }

  matrix(name, byColumn = false) {
    const found = this.tensors[name];
    if (!found) return null;
    const scale = this.values(`${name}.scale`);
    return new Matrix(found.values, found.shape, scale, byColumn, this.values(`${name}.at`));
  }

  /** The linear layers whose names begin so, in order. */
  layers(stem) {
    const pattern = new RegExp(`^${stem.replaceAll(".", "\\.")}\\.(\\d+)\\.weight$`);
    const places = Object.keys(this.tensors).flatMap((name) => name.match(pattern)?.[1] ?? []);
    return places
      .map(Number)
      .sort((one, other) => one - other)
      .map((place) => ({
        weight: this.matrix(`${stem}.${place}.weight`),
        bias: this.values(`${stem}.${place}.bias`),
      }));
  }

  wire() {
    this.body = this.layers("encoder.body");
    const [hidden, plain] = this.isText ? ["decoder.hidden", "decoder.words"] : ["decoder.body", ""];
    this.decoderBody = this.layers(hidden);
    this.decoderWords = plain && this.matrix(`${plain}.weight`);
    this.head = {
      terms: this.matrix("head.terms", true),
      pixels: this.matrix("head.pixels"),
      hidden: this.matrix("head.hidden"),
      mean: this.matrix("head.mean"),
    };
    if (this.isText) this.wireTerms();
  }

  wireTerms() {
    const [documents, ...frequency] = this.values("terms.frequency");
    this.idf = frequency.map((count) => Math.log((1 + documents) / (1 + count)) + 1);
    this.column = new Map(this.facts.terms.map((term, column) => [term, column]));
    this.read = new Map(Array.from(this.values("terms.read"), (column, place) => [column, place]));
    this.bag = this.matrix("encoder.bag.weight");
    const ngram = this.values("terms.ngram");
    this.groups = ngram.includes(0) && ngram.includes(1) ? 2 : 1;
    this.target = Array.from(this.values("terms.target"), (column) => this.facts.terms[column]);
    if (this.values("encoder.trust")) this.expected = this.expectedRow();
    this.anyway = this.decodeWords(Float32Array.from(this.values("prior.mean")));
  }

  /** The mean row of the decoder's weights where nothing is known: see bow.Encoder. */
  expectedRow() {
    const sums = new Float32Array(this.latent);
    softmax(this.values("decoder.words.bias")).forEach((share, word) =>
      this.decoderWords.addRow(sums, word, share),
    );
    return sums;
  }

  // Reading

  /** What stands in a text: words in order, column -> count, and how many are known. */
  reading(text) {
    const { words, pairs, characters } = this.facts;
    const found = words ? this.terms.words(text) : [];
    const coupled = pairs ? this.terms.pairs(text) : [];
    const counts = new Map();
    for (const term of [...this.terms.all(text, words, characters), ...coupled]) {
      const column = this.column.get(term);
      if (column !== undefined) counts.set(column, (counts.get(column) ?? 0) + 1);
    }
    const isWord = this.values("terms.word");
    let known = 0;
    for (const [column, count] of counts) known += isWord[column] * count;
    const unknown = found.length + coupled.length - known;
    return { counts, known, unknown, words: found.map((word) => [word, this.column.has(word)]) };
  }

  /** column -> TF-IDF, as data/weighting.py; `groups` 2: n-grams and words have half each. */
  tfidf(counts, groups) {
    const ngram = this.values("terms.ngram");
    const squares = [0, 0];
    const weighed = new Map();
    for (const [column, count] of counts) {
      const value = (1 + Math.log(count)) * this.idf[column];
      weighed.set(column, value);
      squares[groups === 2 ? ngram[column] : 0] += value * value;
    }
    for (const [column, value] of weighed) {
      const group = groups === 2 ? ngram[column] : 0;
      weighed.set(column, value / Math.sqrt(groups * squares[group]));
    }
    return weighed;
  }

  /** place in what the encoder reads -> weight. */
  entering(counts) {
    const { input, input_scale: scale, terms } = this.facts.settings;
    const read = new Map([...counts].filter(([column]) => this.read.has(column)));
    const weighed = input === "tfidf" ? this.tfidf(read, terms === "all" ? this.groups : 1) : logs(read);
    return Array.from(weighed, ([column, value]) => [this.read.get(column), scale * value]);
  }

  // Encoding

  /** mean, logVariance [latent] and the hidden layers after their activation. */
  encodeText(counts) {
    const read = [...counts].filter(([column]) => this.read.has(column));
    const entered = Float32Array.from(this.values("encoder.bag.bias"));
    for (const [place, weight] of this.entering(counts)) this.bag.addRow(entered, place, weight);
    this.addLengths(entered, read);
    return this.posterior(...this.through(entered, true), read);
  }

  addLengths(entered, read) {
    const weight = this.matrix("encoder.lengths.weight");
    if (!weight) return;
    const words = read.reduce((sum, [, count]) => sum + count, 0);
    const told = [words, read.length].map((n) => (Math.log1p(n) - TYPICAL_LOG_LENGTH) / 2);
    weight.times(told).forEach((value, at) => (entered[at] += value));
  }

  encodePixels(pixels) {
    return this.posterior(...this.through(pixels, false), []);
  }

  /** The last layer's values and the hidden ones; `entered`: the first layer has been applied. */
  through(values, entered) {
    const hidden = [];
    this.body.forEach(({ weight, bias }, depth) => {
      if (entered || depth > 0) {
        values = values.map(this.activate);
        hidden.push(...values);
      }
      values = weight.times(values, bias);
    });
    return [values, hidden];
  }

  posterior(heads, hidden, read) {
    const mean = this.scaledMean(heads.slice(0, this.latent));
    const raw = heads.slice(this.latent);
    const evidence = this.values("encoder.evidence");
    const logVariance = (evidence ? this.narrowed(raw, evidence, read) : raw).map((value) =>
      clamp(value, ...LOG_VARIANCE),
    );
    const trust = this.values("encoder.trust");
    if (trust) this.step(mean, logVariance, trust, read);
    return { mean, logVariance, hidden };
  }

  scaledMean(mean) {
    const center = this.values("encoder.mean.norm.running_mean");
    if (!center) return mean;
    const variance = this.values("encoder.mean.norm.running_var");
    const shift = this.values("encoder.mean.shift");
    const scale = this.facts.settings.mean_scale;
    return mean.map(
      (value, z) =>
        (scale * (value - center[z])) / Math.sqrt(variance[z] + NORM_EPSILON) + shift[z],
    );
  }

  /** The log-variance that falls with every word. */
  narrowed(heard, evidence, read) {
    const said = read.reduce(
      (sum, [column, count]) => sum + count * softplus(evidence[this.read.get(column)]),
      0,
    );
    return heard.map((value) => -Math.log1p(said * Math.exp(Math.min(value, MOST_LOG_EVIDENCE))));
  }

  /** Moves the mean as the decoder's own weights advise. */
  step(mean, logVariance, trust, read) {
    const gradient = new Float32Array(this.latent);
    let words = 0;
    for (const [column, count] of read) {
      this.decoderWords.addRow(gradient, this.read.get(column), count);
      words += count;
    }
    for (let z = 0; z < this.latent; z++) {
      const moved = gradient[z] - words * this.expected[z];
      mean[z] += trust[z] * Math.exp(logVariance[z]) * moved;
    }
  }

  // Judging

  /** Of a text, or of pixels in [0, 1]: the label and how strange it is, in its parts. */
  classify(given) {
    return this.isText ? this.judgeText(given) : this.judged(this.encodePixels(given), given, null);
  }

  judgeText(text) {
    const reading = this.reading(text);
    return this.judged(this.encodeText(reading.counts), null, reading);
  }

  judged(code, pixels, reading) {
    if (!this.canClassify) return { code, reading };
    const logits = this.logits(code, pixels, reading);
    const shares = softmax(logits.map((logit) => logit / this.facts.temperature));
    const best = Array.from(shares.keys()).sort((one, other) => logits[other] - logits[one]);
    const parts = this.parts(logits, code, reading);
    const strangeness = parts.reduce((sum, part) => sum + part.adds, 0);
    return {
      code,
      reading,
      parts,
      strangeness,
      label: best[0],
      probability: shares[best[0]],
      best: best.slice(0, 3).map((label) => [label, shares[label]]),
      outOfScope: strangeness > this.facts.threshold,
    };
  }

  logits(code, pixels, reading) {
    const given = {
      terms: () => this.tfidf(reading.counts, this.groups),
      pixels: () => pixels.entries(),
      mean: () => code.mean.entries(),
      hidden: () => code.hidden.entries(),
    };
    const sums = Float32Array.from(this.values("head.bias"));
    for (const [part, matrix] of Object.entries(this.head)) {
      if (matrix) weighedSum(matrix, given[part]()).forEach((each, label) => (sums[label] += each));
    }
    return sums;
  }

  parts(logits, code, reading) {
    const measured = {
      margin: () => -logits.reduce((most, logit) => Math.max(most, logit), -Infinity),
      rate: () => -this.nats(code).reduce((sum, each) => sum + each, 0),
      known: () => -Math.log1p(reading.known),
      unknown: () => Math.log1p(reading.unknown),
    };
    return Object.entries(this.facts.signals).map(([name, { weight, mean, sd }]) => {
      const value = measured[name]();
      return { name, value, adds: (weight * (value - mean)) / sd };
    });
  }

  /** KL of each dimension, to the normal that has the prior's mean and standard deviation there. */
  nats({ mean, logVariance }) {
    const [at, sd] = [this.values("prior.mean"), this.values("prior.sd")];
    return mean.map((m, z) => {
      const away = (m - at[z]) / sd[z];
      const narrower = logVariance[z] - 2 * Math.log(sd[z]);
      return 0.5 * (away * away + Math.expm1(narrower) - narrower);
    });
  }

  // Decoding

  /** Shares of the target words, or pixels in [0, 1]. */
  decode(z) {
    return this.isText ? this.decodeWords(z) : this.decodePixels(z);
  }

  decodeWords(z) {
    if (this.facts.settings.decoder === "topics") return softmax(this.topicLogits(z));
    let hidden = z;
    for (const { weight, bias } of this.decoderBody) {
      hidden = weight.times(hidden, bias).map(this.activate);
    }
    const features = this.decoderBody.length ? Float32Array.from([...z, ...hidden]) : z;
    return softmax(this.decoderWords.times(features, this.values("decoder.words.bias")));
  }

  topicLogits(z) {
    const background = this.values("decoder.background");
    const center = this.values("decoder.norm.running_mean");
    const variance = this.values("decoder.norm.running_var");
    const mixed = this.decoderWords.times(softmax(z));
    return mixed.map(
      (value, word) =>
        (value - center[word]) / Math.sqrt(variance[word] + NORM_EPSILON) + background[word],
    );
  }

  decodePixels(z) {
    let values = z;
    this.decoderBody.forEach(({ weight, bias }, depth) => {
      if (depth > 0) values = values.map(this.activate);
      values = weight.times(values, bias);
    });
    const count = this.facts.shape.reduce((product, size) => product * size, 1);
    const parts = values.length / count / 3;
    const { mixtures } = this.facts.settings;
    if (mixtures > 1 && parts === mixtures) return mixtureMean(values, count, parts);
    return values.slice(0, count).map(sigmoid);
  }

  /** The words that a code makes likelier than they are anyway, the most telling first.
   *
   * Each has the `nats` that it adds to the divergence of the two, and how many `times` likelier it
   * is. Of a code that tells nothing: none.
   */
  tellingWords(shares, count, anyway = this.anyway) {
    const best = [];
    shares.forEach((share, word) => {
      const nats = share * Math.log(share / anyway[word]);
      if (nats > LEAST_TOLD_NATS) keepBest(best, count, [word, nats]);
    });
    return best.map(([word, nats]) => ({
      word: this.target[word],
      nats,
      times: shares[word] / anyway[word],
    }));
  }

  // Rows of validation

  /** The code of a shown row, as the model's own encoder gave it, to 8 bits. */
  codeOf(row) {
    const steps = this.values("rows.mean");
    const scale = this.values("rows.mean.scale");
    return Float32Array.from(scale, (step, z) => step * steps[row * this.latent + z]);
  }

  pixelsOf(row) {
    const size = this.facts.shape.reduce((product, each) => product * each, 1);
    const levels = this.values("rows.pixels").subarray(row * size, (row + 1) * size);
    return Float32Array.from(levels, (level) => level / (this.facts.levels - 1));
  }

  /** Rows whose codes lie nearest to z, the nearest first, with their distances. */
  nearest(z, count, without = -1) {
    const steps = this.values("rows.mean");
    const scale = this.values("rows.mean.scale");
    const best = [];
    for (let row = 0, at = 0; row < this.rows; row++) {
      let square = 0;
      for (let d = 0; d < this.latent; d++) square += (z[d] - scale[d] * steps[at++]) ** 2;
      if (row !== without) keepBest(best, count, [row, -square]);
    }
    return best.map(([row, negative]) => [row, Math.sqrt(-negative)]);
  }

  /** Where a code stands on the map of that kind, "near" or "far". */
  place(z, kind) {
    return kind === "near" ? this.placeNear(z) : this.placeFar(z);
  }

  /** Among its neighbours, of which the nearest pulls most: there is no formula for others. */
  placeNear(z) {
    const places = this.values("map.near");
    const pull = ([, distance]) => 1 / (distance ** 4 + 1e-9);
    const near = this.nearest(z, NEIGHBOURS_OF_A_PLACE).map((found) => [found[0], pull(found)]);
    const all = near.reduce((sum, [, weight]) => sum + weight, 0);
    return [0, 1].map((axis) =>
      near.reduce((sum, [row, weight]) => sum + (weight / all) * places[2 * row + axis], 0),
    );
  }

  /** In the two directions in which the codes vary most. */
  placeFar(z) {
    const center = this.values("map.center");
    const axes = this.values("map.axes");
    const at = [0, 0];
    for (let d = 0; d < this.latent; d++) {
      at[0] += axes[d] * (z[d] - center[d]);
      at[1] += axes[this.latent + d] * (z[d] - center[d]);
    }
    return at;
  }

  /** Of all rows, on the map of that kind. */
  places(kind) {
    const near = this.values("map.near");
    return Array.from({ length: this.rows }, (_, row) =>
      kind === "near" ? [near[2 * row], near[2 * row + 1]] : this.placeFar(this.codeOf(row)),
    );
  }

  labelName(label) {
    return label < 0 ? "no label" : this.facts.classes[label];
  }
}

/** log(1 + count), the row of length 1. */
function logs(counts) {
  const values = Array.from(counts, ([column, count]) => [column, Math.log1p(count)]);
  const length = Math.sqrt(values.reduce((sum, [, value]) => sum + value * value, 0)) || 1;
  return new Map(values.map(([column, value]) => [column, value / length]));
}

/** Puts [item, score] where it belongs among the `count` best so far; of equals the first stays. */
function keepBest(best, count, entry) {
  if (best.length === count && !(entry[1] > best[count - 1][1])) return;
  let at = best.length;
  while (at > 0 && best[at - 1][1] < entry[1]) at--;
  best.splice(at, 0, entry);
  if (best.length > count) best.pop();
}

/** The sum of rows, each times its weight. */
function weighedSum(matrix, weighed) {
  const sums = new Float32Array(matrix.columns);
  for (const [row, weight] of weighed) matrix.addRow(sums, row, weight);
  return matrix.byColumn ? sums.map((sum, column) => sum * matrix.scale[column]) : sums;
}

/** Of each pixel the mean of its logistics held in [0, 1]: see likelihoods.LogisticMixture. */
function mixtureMean(values, count, parts) {
  return Float32Array.from({ length: count }, (_, pixel) => {
    const of = (third, part) => values[(third * parts + part) * count + pixel];
    const shares = softmax(Array.from({ length: parts }, (_, part) => of(0, part)));
    const mean = shares.reduce((sum, share, part) => {
      const location = of(1, part) + 0.5;
      const scale = Math.exp(clamp(of(2, part) + FIRST_LOG_SCALE, ...LOG_SCALE));
      const reach = softplus(location / scale) - softplus((location - 1) / scale);
      return sum + share * scale * reach;
    }, 0);
    return clamp(mean, 0, 1);
  });
}

/** On an arc around 0 from one code to another, `share` in [0, 1]: see inference.latent_space. */
function between(first, second, share) {
  const dot = first.reduce((sum, value, z) => sum + value * second[z], 0);
  const lengths = Math.hypot(...first) * Math.hypot(...second);
  const angle = lengths > 0 ? Math.acos(clamp(dot / lengths, -1, 1)) : 0;
  const isArc = Math.sin(angle) > LEAST_SINE;
  const before = isArc ? Math.sin((1 - share) * angle) / Math.sin(angle) : 1 - share;
  const after = isArc ? Math.sin(share * angle) / Math.sin(angle) : share;
  return first.map((value, z) => before * value + after * second[z]);
}
