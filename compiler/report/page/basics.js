const data = JSON.parse(document.getElementById('data').textContent);
const byId = (id) => document.getElementById(id);

/* Fills in attributes and children; a string becomes text and never markup. */
function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') node.addEventListener(name, value);
    else if (value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

function el(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

function svg(name, attributes = {}, ...children) {
  return filled(document.createElementNS('http://www.w3.org/2000/svg', name), attributes, children);
}

function bytes(count) {
  if (count < 1024) return `${count} B`;
  const units = ['KiB', 'MiB', 'GiB'];
  let value = count;
  let unit = -1;
  while (value >= 1024 && unit < 2) {
    value /= 1024;
    unit += 1;
  }
  return `${value.toFixed(1)} ${units[unit]}`;
}

function signed(count) {
  if (count === 0) return '±0';
  return (count > 0 ? '+' : '−') + bytes(Math.abs(count));
}

function duration(milliseconds) {
  if (milliseconds < 1000) return `${milliseconds} ms`;
  const seconds = milliseconds / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}

function plural(count, one, many = `${one}s`) {
  return `${count.toLocaleString('en')} ${count === 1 ? one : many}`;
}

/* The colour of a kind or stage, as a hue. */
const HUES = {
  package: 255, source: 150, module: 65, firmware: 30, unit: 320, file: 200, overlay: 180, branding: 290, microcode: 10, zosc: 100,
};

function hue(kind) {
  if (kind in HUES) return HUES[kind];
  let sum = 7;
  for (const letter of kind) sum = (sum * 31 + letter.codePointAt(0)) % 360;
  return sum;
}

function tinted(node, degrees) {
  node.style.setProperty('--hue', degrees);
  return node;
}

/* A table whose first cells are headings of their rows. */
function table(heads, rows) {
  const cell = (content, index) => {
    const name = index === 0 ? 'th' : 'td';
    const numeric = heads[index].startsWith('#');
    return el(name, { class: numeric ? 'number' : null, scope: index === 0 ? 'row' : null }, content);
  };
  const head = heads.map((text) => el('th', { scope: 'col', class: text.startsWith('#') ? 'number' : null }, text.replace('#', '')));
  return el('div', { class: 'scroll' }, el('table', {},
    el('thead', {}, el('tr', {}, ...head)),
    el('tbody', {}, ...rows.map((row) => el('tr', {}, ...row.map(cell))))));
}

/* What is told about the thing under the pointer or the focus. */
const tip = {
  show(node, lines, event) {
    const box = byId('tip');
    box.replaceChildren(...lines.filter(Boolean).map((line, index) => el(index ? 'div' : 'strong', {}, line)));
    box.hidden = false;
    const at = node.getBoundingClientRect();
    const [x, y] = event && event.clientX ? [event.clientX + 14, event.clientY + 14] : [at.left + 8, at.bottom + 6];
    box.style.left = `${Math.max(8, Math.min(x, innerWidth - box.offsetWidth - 8))}px`;
    box.style.top = `${y + box.offsetHeight + 8 > innerHeight ? Math.max(8, y - box.offsetHeight - 28) : y}px`;
  },
  hide() {
    byId('tip').hidden = true;
  },
  on(node, lines) {
    node.addEventListener('pointermove', (event) => {
      event.stopPropagation();
      tip.show(node, lines(), event);
    });
    node.addEventListener('pointerleave', tip.hide);
    node.addEventListener('focus', () => {
      if (node.matches(':focus-visible')) tip.show(node, lines());
    });
    node.addEventListener('blur', tip.hide);
    return node;
  },
};
