"""The looks of a page: one column, system letters, light or dark as the reader's device asks.

A Python module and not a .css file, so that DVC sees an edit as one of the stage's code.
"""

CSS = """
:root {
  --paper: #ffffff; --ink: #1d2126; --muted: #5c6670; --line: #dfe3e7; --tint: #f4f6f8;
  --accent: #0060a0; --warned: #b3411c; --warned-tint: #fdf1ec;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14171a; --ink: #e4e7ea; --muted: #a0a9b2; --line: #31373d; --tint: #1d2226;
    --accent: #6cb8f0; --warned: #f0936d; --warned-tint: #2a1d18;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif;
  overflow-wrap: break-word;
}
main { max-width: 46rem; margin: 0 auto; padding: 2rem 1rem 4rem; }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 .75rem; }
h2 {
  font-size: 1.25rem; line-height: 1.3; margin: 3rem 0 .75rem; padding-top: 1rem;
  border-top: 1px solid var(--line);
}
p { margin: .75rem 0; }
a { color: var(--accent); }
.question { margin-bottom: 0; color: var(--muted); }
.answer { margin: .1rem 0 .5rem; font-size: 1.35rem; line-height: 1.3; font-weight: 700; }
.lead { font-size: 1.1rem; line-height: 1.5; }
ul { margin: .75rem 0; padding-left: 1.2rem; }
ul li { margin: .35rem 0; }
pre {
  margin: .75rem 0; padding: .6rem .75rem; background: var(--tint); border-radius: .3rem;
  white-space: pre-wrap; overflow-wrap: anywhere; font-size: .9rem;
}
.warned {
  padding: .75rem 1rem; border-left: 4px solid var(--warned); background: var(--warned-tint);
}
nav ol {
  display: flex; flex-wrap: wrap; gap: .25rem 1.1rem; margin: 1.5rem 0 0; padding: 0;
  list-style: none;
}
nav a { display: inline-block; padding: .2rem 0; }
/* A shade at an edge says that the table goes on there: it moves away with the last column. */
.scroll {
  overflow-x: auto; margin: 1rem 0;
  background:
    linear-gradient(90deg, var(--paper) 1rem, transparent) left / 2rem 100% no-repeat local,
    linear-gradient(270deg, var(--paper) 1rem, transparent) right / 2rem 100% no-repeat local,
    linear-gradient(90deg, var(--line), transparent) left / .6rem 100% no-repeat scroll,
    linear-gradient(270deg, var(--line), transparent) right / .6rem 100% no-repeat scroll;
}
.scroll:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
table { border-collapse: collapse; width: 100%; font-size: .94rem; overflow-wrap: normal; }
.caption { margin: 1.25rem 0 -.6rem; font-size: .94rem; font-weight: 600; }
th, td { padding: .45rem .6rem .45rem 0; text-align: start; vertical-align: top; }
th:last-child, td:last-child { padding-right: 0; }
thead th {
  border-bottom: 1px solid var(--muted); font-weight: 600; color: var(--muted);
  vertical-align: bottom;
}
tbody tr { border-bottom: 1px solid var(--line); }
td { max-width: 28rem; overflow-wrap: break-word; }
td:first-child { min-width: 5.5rem; }
td small {
  display: block; min-width: 5.5rem; color: var(--muted); font-size: .87rem; line-height: 1.4;
}
.number { text-align: end; font-variant-numeric: tabular-nums; }
.number + :not(.number) { padding-left: .75rem; }
@media (min-width: 40rem) { tbody .number { white-space: nowrap; } }
.marked { font-weight: 600; background: var(--tint); }
.marked small { font-weight: 400; }
figure { margin: 1.5rem 0; }
img {
  display: block; width: 100%; height: auto; padding: .5rem; background: #ffffff;
  border: 1px solid var(--line); border-radius: .4rem;
}
.graph { display: block; width: 100%; max-width: 27.5rem; height: auto; }
figcaption { margin-top: .5rem; color: var(--muted); font-size: .94rem; }
@media print {
  :root {
    --paper: #ffffff; --ink: #000000; --muted: #444444; --line: #bbbbbb; --tint: #eeeeee;
    --warned: #000000; --warned-tint: #ffffff;
  }
  main { max-width: none; padding: 0; }
  nav { display: none; }
  h2, .caption { break-after: avoid; }
  figure, tr, li, pre, .warned { break-inside: avoid; }
  .scroll { overflow: visible; background: none; }
}
"""
