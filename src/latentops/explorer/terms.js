// Texts to terms, as latentops.data.terms finds them: a test holds the two together.

const UNSPACED = ["Hani", "Hira", "Kana", "Thai", "Laoo", "Khmr", "Mymr"]
  .map((script) => `\\p{scx=${script}}`)
  .join("");
const START = `(?![${UNSPACED}])[\\p{L}\\p{N}]`;
const INNER = `(?![${UNSPACED}])[\\p{L}\\p{N}\\p{M}]`;
const WORD_OR_RUN = new RegExp(
  `(?<word>(?:${START})(?:${INNER})*(?:'(?:${INNER})+)*)` +
    `|(?<run>(?:(?=[${UNSPACED}])[\\p{L}\\p{N}\\p{M}])+)`,
  "gu",
);
// What Python's str.split() takes for white space; \s is not the same.
const WHITE =
  /[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/u;
const SHAPES_LETTERS = /[\u00ad\u200c\u200d\u2060\u20e3\ufe0e\ufe0f\ufeff]/gu;
const NGRAM = "~";

class Terms {
  /** `casefold` maps each character whose case folds to something else than its lower case. */
  constructor(casefold) {
    this.casefold = new Map(Object.entries(casefold));
    this.graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });
  }

  /** Words, those of unspaced scripts as characters and pairs of them, in order. */
  words(text) {
    return this.chunks(text).flatMap((chunk) => this.wordsOf(chunk));
  }

  /** Words and n-grams, as often as they stand there; `lengths` null: no n-grams. */
  all(text, words, lengths) {
    return this.chunks(text).flatMap((chunk) => [
      ...(words ? this.wordsOf(chunk) : []),
      ...(lengths ? ngrams(` ${chunk} `, ...lengths) : []),
    ]);
  }

  /** Pairs of neighbouring words. */
  pairs(text) {
    const row = this.chunks(text).flatMap((chunk) =>
      [...chunk.matchAll(WORD_OR_RUN)].map((match) => match.groups.word ?? ""),
    );
    const both = row.slice(1).map((word, at) => (row[at] && word ? `${row[at]} ${word}` : ""));
    return both.filter(Boolean);
  }

  chunks(text) {
    const spelled = text.replace(/\u2019/gu, "'").replace(SHAPES_LETTERS, "");
    const folded = Array.from(spelled.normalize("NFKC"), (character) => this.folded(character));
    return folded.join("").normalize("NFKC").split(WHITE).filter(Boolean);
  }

  folded(character) {
    return this.casefold.get(character) ?? character.toLowerCase();
  }

  wordsOf(chunk) {
    return [...chunk.matchAll(WORD_OR_RUN)].flatMap((match) =>
      match.groups.word === undefined ? this.ofRun(match.groups.run) : [match.groups.word],
    );
  }

  ofRun(run) {
    const characters = Array.from(this.graphemes.segment(run), (part) => part.segment);
    return [...characters, ...characters.slice(1).map((next, at) => characters[at] + next)];
  }
}

/** A chunk shorter than n is given whole, and once. */
function* ngrams(padded, shortest, longest) {
  const characters = Array.from(padded);
  for (let n = shortest; n <= longest; n++) {
    for (let start = 0; start < Math.max(1, characters.length - n + 1); start++) {
      yield NGRAM + characters.slice(start, start + n).join("");
    }
    if (characters.length <= n) return;
  }
}
