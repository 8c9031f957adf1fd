// A terminal's colours (ECMA-48 SGR) as elements with classes. Text is only ever inserted as text.

const COLOURS = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];

// The location line of a compiler error or of a diagnostic of the manifest.
const PLACE = /^(\s*-->\s)(\S.*)$/m;

// The text without escape sequences.
export function plain(text) {
  return text
    .replace(/\u001b\[[0-9;?]*[A-Za-z]/g, "")
    .replace(/\u001b\][^\u0007\u001b]*(\u0007|\u001b\\)/g, "");
}

// `text` as a fragment of spans, with the first `--> file:line:column` marked.
export function coloured(text) {
  const fragment = document.createDocumentFragment();
  const place = placeIn(text);
  let style = { bold: false, dim: false, colour: null };
  let at = 0;
  for (const piece of text.split(/(\u001b\[[0-9;]*m)/)) {
    const escape = /^\u001b\[([0-9;]*)m$/.exec(piece);
    if (escape) {
      style = styled(style, escape[1]);
      continue;
    }
    const clean = plain(piece);
    for (const [part, marked] of cut(clean, at, place)) {
      fragment.append(span(part, style, marked));
    }
    at += clean.length;
  }
  return fragment;
}

// Start and end of the first location, counted without escapes.
function placeIn(text) {
  const found = PLACE.exec(plain(text));
  if (!found) return null;
  const from = found.index + found[1].length;
  return [from, from + found[2].length];
}

// A piece that begins at `at`, split where the location begins and ends.
function* cut(piece, at, place) {
  if (!piece) return;
  const end = at + piece.length;
  const edges = place ? place.filter((edge) => edge > at && edge < end) : [];
  let from = at;
  for (const to of [...edges, end]) {
    const marked = place !== null && from >= place[0] && to <= place[1];
    yield [piece.slice(from - at, to - at), marked];
    from = to;
  }
}

function span(text, style, marked) {
  const classes = [];
  if (style.bold) classes.push("ansi-bold");
  if (style.dim) classes.push("ansi-dim");
  if (style.colour) classes.push(`ansi-${style.colour}`);
  if (marked) classes.push("place");
  if (!classes.length) return document.createTextNode(text);
  const element = document.createElement("span");
  element.className = classes.join(" ");
  element.textContent = text;
  return element;
}

function styled(before, codes) {
  const style = { ...before };
  const all = codes.split(";").map(Number);
  for (let at = 0; at < all.length; at += 1) {
    const code = all[at];
    if (code === 0) Object.assign(style, { bold: false, dim: false, colour: null });
    else if (code === 1) style.bold = true;
    else if (code === 2) style.dim = true;
    else if (code === 22) Object.assign(style, { bold: false, dim: false });
    else if (code >= 30 && code <= 37) style.colour = COLOURS[code - 30];
    else if (code >= 90 && code <= 97) style.colour = COLOURS[code - 90];
    else if (code === 39) style.colour = null;
    else if (code === 38 && all[at + 1] === 5) {
      // Of the 256 colours only those with a name.
      style.colour = all[at + 2] < 16 ? COLOURS[all[at + 2] % 8] : null;
      at += 2;
    } else if (code === 38 && all[at + 1] === 2) at += 4;
  }
  return style;
}
