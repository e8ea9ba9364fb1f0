// Elements, made of text alone: nothing of the data is ever read as markup.

const SVG = "http://www.w3.org/2000/svg";

/** An element with these properties and children; a child that is a string becomes text. */
function el(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) put(made, key, value);
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

function put(element, key, value) {
  if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
  else if (key in element && key !== "list" && key !== "role") element[key] = value;
  else element.setAttribute(key, value);
}

function svg(name, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

let lastId = 0;
const newId = (stem) => `${stem}-${++lastId}`;

const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
const percent = (share, digits = 1) => `${(100 * share).toFixed(digits)} %`;
const grouped = (count) => count.toLocaleString("en");

/** Of a number that may be negative, with a real minus sign. */
function signed(value, digits = 2) {
  const text = Math.abs(value).toFixed(digits);
  return value < 0 && Number(text) !== 0 ? `−${text}` : text;
}

/** Calls `act` once, when nothing has called it for that long. */
function settled(act, milliseconds) {
  let timer = 0;
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => act(...given), milliseconds);
  };
}

/** Calls `act` once before the next frame is drawn, however often it is called till then. */
function onFrame(act) {
  let waiting = false;
  return () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      act();
    });
  };
}
