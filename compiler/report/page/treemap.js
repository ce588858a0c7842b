/* Shares a rectangle out among sizes that fall, in rows whose fields are as square as they can be. */
function squarified(sizes, box) {
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const scale = total > 0 ? (box.w * box.h) / total : 0;
  const fields = [];
  let { x, y, w, h } = box;
  let from = 0;
  const worst = (row, sum, side) => {
    const area = sum * scale;
    return Math.max((side * side * row[0] * scale) / (area * area), (area * area) / (side * side * row[row.length - 1] * scale));
  };
  while (from < sizes.length) {
    const side = Math.min(w, h);
    let to = from + 1;
    let sum = sizes[from];
    while (to < sizes.length) {
      const wider = sizes.slice(from, to + 1);
      if (worst(wider, sum + sizes[to], side) > worst(sizes.slice(from, to), sum, side)) break;
      sum += sizes[to];
      to += 1;
    }
    const depth = side > 0 ? (sum * scale) / side : 0;
    let along = 0;
    for (let index = from; index < to; index += 1) {
      const length = sum > 0 ? (side * sizes[index]) / sum : 0;
      fields.push(w >= h ? { x, y: y + along, w: depth, h: length } : { x: x + along, y, w: length, h: depth });
      along += length;
    }
    if (w >= h) {
      x += depth;
      w -= depth;
    } else {
      y += depth;
      h -= depth;
    }
    from = to;
  }
  return fields;
}

const SHADES = [0, -0.035, 0.012, -0.018, 0.022, -0.05];

const treemap = {
  /* From the whole image down to what is shown. */
  trail: [data.tree],

  start() {
    const map = byId('map');
    map.addEventListener('keydown', treemap.key);
    new ResizeObserver(() => treemap.draw()).observe(map);
    byId('legend').replaceChildren(...(data.tree.c || []).map((kind) => {
      const button = el('button', { type: 'button', click: () => treemap.go([data.tree, kind]) }, kind.n);
      return el('li', {}, tinted(button, hue(kind.n)), ` ${bytes(kind.b)}`);
    }));
  },

  go(trail, focus = false) {
    treemap.trail = trail;
    tip.hide();
    treemap.draw();
    if (focus) (byId('map').querySelector('button') || byId('map')).focus();
  },

  path(trail) {
    return trail.slice(3).map((step) => `/${step.n}`).join('');
  },

  lines(trail) {
    const item = trail[trail.length - 1];
    const origin = trail.length > 2 ? [trail[1].n, trail[2].n].filter((word, index, all) => all.indexOf(word) === index).join(' ') : null;
    const share = data.bytes > 0 ? `${((item.b / data.bytes) * 100).toFixed(1)} % of the image` : null;
    return [
      (item.s ? `${treemap.path(trail.slice(0, -1))}/… ${item.n}` : treemap.path(trail)) || item.n,
      `${bytes(item.b)}${share ? `, ${share}` : ''}`,
      item.c || item.s ? plural(item.f, 'file') : null,
      origin ? `from ${origin}` : null,
    ];
  },

  draw() {
    const map = byId('map');
    const { trail } = treemap;
    const here = trail[trail.length - 1];
    byId('crumbs').replaceChildren(...trail.map((step, index) => {
      const last = index === trail.length - 1;
      const text = index === 0 ? data.name : step.n;
      return el('button', { type: 'button', 'aria-current': last ? 'location' : null, click: () => treemap.go(trail.slice(0, index + 1)) }, text);
    }), el('span', { class: 'soft' }, `${bytes(here.b)} in ${plural(here.f, 'file')}`));
    const inside = (here.c || []).filter((child) => child.b > 0);
    const held = document.activeElement && map.contains(document.activeElement) ? document.activeElement.dataset.index : null;
    if (inside.length === 0) {
      map.replaceChildren(el('p', { class: 'soft' }, here.f === 0 ? 'There are no files.' : 'There is nothing larger inside.'));
      return;
    }
    const whole = { x: 0, y: 0, w: map.clientWidth, h: map.clientHeight };
    const fields = squarified(inside.map((child) => child.b), whole);
    map.replaceChildren(...inside.map((child, index) => treemap.field([...trail, child], fields[index], whole, index)));
    if (held !== null) (map.querySelector(`[data-index="${held}"]`) || map.querySelector('button')).focus();
  },

  /* One field, with a hint of what is inside. */
  field(trail, box, whole, index) {
    const item = trail[trail.length - 1];
    const lines = () => treemap.lines(trail);
    const [name, ...rest] = lines().filter(Boolean);
    const button = el('button', {
      type: 'button', class: 'field', 'data-index': index, 'aria-label': [name, ...rest].join(', '),
      click: (event) => {
        if (item.c) treemap.go(trail, event.detail === 0);
        else tip.show(button, lines());
      },
    });
    treemap.place(button, box, whole, trail, index);
    if (box.w > 44 && box.h > 18) {
      button.append(el('span', { class: 'label' }, item.n, box.h > 34 ? el('small', {}, bytes(item.b)) : ''));
    }
    if (item.c && box.w > 90 && box.h > 74) {
      const room = { x: 4, y: 38, w: box.w - 9, h: box.h - 43 };
      const inside = item.c.filter((child) => child.b > 0).slice(0, 200);
      squarified(inside.map((child) => child.b), room).forEach((part, at) => {
        if (part.w < 3 || part.h < 3) return;
        const child = el('span', { class: 'inner' }, part.w > 60 && part.h > 20 ? inside[at].n : '');
        treemap.place(child, part, box, [...trail, inside[at]], at);
        button.append(tip.on(child, () => treemap.lines([...trail, inside[at]])));
      });
    }
    return tip.on(button, lines);
  },

  /* Fields of one kind have one hue in several shades, so that neighbours are told apart. */
  place(node, box, whole, trail, index) {
    // In parts of the whole, so that a printed page may have another width.
    const part = (length, of) => `${((length / of) * 100).toFixed(3)}%`;
    node.style.left = part(box.x, whole.w);
    node.style.top = part(box.y, whole.h);
    node.style.width = `max(1px, calc(${part(box.w, whole.w)} - 1px))`;
    node.style.height = `max(1px, calc(${part(box.h, whole.h)} - 1px))`;
    tinted(node, hue(trail[1].n));
    if (trail.length > 2) node.style.setProperty('--shade', SHADES[index % SHADES.length]);
  },

  key(event) {
    if (event.key === 'Escape' || event.key === 'Backspace') {
      if (treemap.trail.length > 1) treemap.go(treemap.trail.slice(0, -1), true);
      event.preventDefault();
      return;
    }
    const direction = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    const from = document.activeElement;
    if (!direction || !from || !from.classList.contains('field')) return;
    event.preventDefault();
    const middle = (node) => [node.offsetLeft + node.offsetWidth / 2, node.offsetTop + node.offsetHeight / 2];
    const [x, y] = middle(from);
    let best = null;
    let least = Infinity;
    for (const field of byId('map').querySelectorAll('.field')) {
      const [dx, dy] = [middle(field)[0] - x, middle(field)[1] - y];
      const along = dx * direction[0] + dy * direction[1];
      const aside = Math.abs(dx * direction[1]) + Math.abs(dy * direction[0]);
      if (field !== from && along > 0 && along + aside * 2 < least) {
        least = along + aside * 2;
        best = field;
      }
    }
    if (best) best.focus();
  },
};
