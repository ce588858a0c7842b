const GRAPH = { row: 40, bend: 16, gap: 72, least: 40, high: 28, pad: 12 };

const units = {
  chosen: null,

  start() {
    const waves = data.units.map((unit) => unit.wave || 0);
    const count = Math.max(0, ...waves);
    byId('units-lead').textContent = data.units.length === 0
      ? 'The image has no units of zinit.'
      : `${plural(data.units.length, 'unit')} in ${plural(count, 'wave')}: zinit starts a wave once what its units wait for is up. Choose a unit to see what it waits for, and what waits for it.`;
    if (data.units.length === 0) return;
    byId('graph').replaceChildren(units.drawing(count));
    byId('graph').addEventListener('keydown', (event) => {
      if (event.key === 'Escape') units.choose(null);
    });
    byId('unit-list').replaceChildren(el('details', {}, el('summary', {}, 'As a list'), table(
      ['unit', '#wave', 'kind', 'waits for', 'runs'],
      data.units.map((unit) => [unit.name, unit.wave ? `${unit.wave}` : '–', unit.kind || 'unreadable', units.waits(unit), el('code', {}, unit.command || '')]),
    )));
  },

  waits(unit) {
    const loose = (unit.after || []).filter((name) => !(unit.requires || []).includes(name));
    return [...(unit.requires || []), ...loose.map((name) => `${name} (order only)`)].join(', ') || '–';
  },

  /* Who waits for whom, each pair once; `implied` where a longer way says the same. */
  edges() {
    const known = new Map(data.units.map((unit, index) => [unit.name, index]));
    const edges = [];
    data.units.forEach((unit, to) => {
      const names = new Map();
      for (const name of unit.after || []) names.set(name, false);
      for (const name of unit.requires || []) names.set(name, true);
      for (const [name, required] of names) {
        if (known.has(name) && known.get(name) !== to) edges.push({ from: known.get(name), to, required });
      }
    });
    const before = units.closure(edges, 'to', 'from');
    for (const edge of edges) {
      edge.implied = edges.some((other) => other.to === edge.to && other !== edge && before[other.from].has(edge.from));
    }
    return edges;
  },

  /* By unit: everything that is reached from it over edges. */
  closure(edges, here, there) {
    const near = data.units.map(() => []);
    for (const edge of edges) near[edge[here]].push(edge[there]);
    return near.map((_, start) => {
      const reached = new Set();
      const open = [...near[start]];
      while (open.length > 0) {
        const next = open.pop();
        if (!reached.has(next)) {
          reached.add(next);
          open.push(...near[next]);
        }
      }
      return reached;
    });
  },

  /* Columns of units, and of bends where an edge passes a wave by. */
  columns(count, edges) {
    const columns = Array.from({ length: count + 1 }, () => []);
    const nodes = data.units.map((unit, index) => {
      const node = { unit: index, column: (unit.wave || count + 1) - 1, near: [] };
      columns[node.column].push(node);
      return node;
    });
    for (const edge of edges) {
      edge.way = [nodes[edge.from]];
      if (!edge.implied) {
        for (let column = nodes[edge.from].column + 1; column < nodes[edge.to].column; column += 1) {
          const bend = { unit: null, column, near: [] };
          columns[column].push(bend);
          edge.way.push(bend);
        }
      }
      edge.way.push(nodes[edge.to]);
      if (edge.implied) continue;
      edge.way.slice(1).forEach((node, index) => {
        node.near.push(edge.way[index]);
        edge.way[index].near.push(node);
      });
    }
    return columns.filter((column) => column.length > 0);
  },

  /* Sorts columns by where their neighbours are, back and forth, so that few edges cross; then gives places. */
  settle(columns) {
    const number = (column) => column.forEach((node, index) => { node.at = index / Math.max(1, column.length - 1); });
    columns.forEach(number);
    for (let sweep = 0; sweep < 8; sweep += 1) {
      const order = sweep % 2 === 0 ? columns : [...columns].reverse();
      for (const column of order) {
        for (const node of column) {
          if (node.near.length > 0) node.wish = node.near.reduce((sum, other) => sum + other.at, 0) / node.near.length;
          else node.wish = node.at;
        }
        column.sort((one, other) => one.wish - other.wish);
        number(column);
      }
    }
    const height = (node) => (node.unit === null ? GRAPH.bend : GRAPH.row);
    const heights = columns.map((column) => column.reduce((sum, node) => sum + height(node), 0));
    const tallest = Math.max(...heights);
    const widths = columns.map((column) => {
      const names = column.filter((node) => node.unit !== null).map((node) => data.units[node.unit].name.length);
      return Math.max(44, ...names.map((length) => length * 7.3 + 26));
    });
    const room = byId('graph').clientWidth - GRAPH.pad * 2 - widths.reduce((sum, wide) => sum + wide, 0);
    const gap = Math.max(GRAPH.least, Math.min(GRAPH.gap, Math.floor(room / Math.max(1, columns.length - 1))));
    let x = GRAPH.pad;
    columns.forEach((column, index) => {
      const wide = widths[index];
      let y = GRAPH.pad + 18 + (tallest - heights[index]) / 2;
      for (const node of column) {
        Object.assign(node, { x, wide, y: y + height(node) / 2 });
        y += height(node);
      }
      x += wide + gap;
    });
    return { wide: x - gap + GRAPH.pad, high: tallest + GRAPH.pad * 2 + 18 };
  },

  drawing(count) {
    const edges = units.edges();
    const columns = units.columns(count, edges);
    const size = units.settle(columns);
    const picture = svg('svg', { width: size.wide, height: size.high, viewBox: `0 0 ${size.wide} ${size.high}`, role: 'group', 'aria-label': 'Units in boot order' });
    for (const [index, column] of columns.entries()) {
      const { x, wide } = column[0];
      picture.append(svg('text', { class: 'wave', x: x + wide / 2, y: 14 }, index < count ? `${index + 1}` : 'not ordered'));
    }
    for (const edge of edges) {
      edge.line = svg('path', { class: `edge${edge.required ? '' : ' loose'}${edge.implied ? ' implied' : ''}`, d: units.curve(edge.way) });
      picture.append(edge.line);
    }
    units.boxes = [];
    for (const node of columns.flat().filter((node) => node.unit !== null)) {
      units.boxes[node.unit] = units.box(node);
      picture.append(units.boxes[node.unit]);
    }
    units.all = edges;
    units.before = units.closure(edges, 'to', 'from');
    units.behind = units.closure(edges, 'from', 'to');
    return picture;
  },

  curve(way) {
    let d = '';
    way.slice(1).forEach((to, index) => {
      const from = way[index];
      const [x0, x1] = [from.x + (from.unit === null ? from.wide / 2 : from.wide), to.x + (to.unit === null ? to.wide / 2 : 0)];
      const bend = (x1 - x0) / 2;
      d += `${index === 0 ? `M${x0} ${from.y}` : ''}C${x0 + bend} ${from.y} ${x1 - bend} ${to.y} ${x1} ${to.y}`;
    });
    return d;
  },

  box(node) {
    const unit = data.units[node.unit];
    const kind = unit.kind || 'unreadable';
    const group = svg('g', {
      class: `unit ${kind}`, tabindex: 0, role: 'button', 'aria-pressed': 'false', 'aria-label': `${unit.name}, ${kind}, waits for ${units.waits(unit)}`,
      click: () => units.choose(units.chosen === node.unit ? null : node.unit),
      keydown: (event) => {
        if (event.key !== 'Enter' && event.key !== ' ') return;
        event.preventDefault();
        units.choose(units.chosen === node.unit ? null : node.unit);
      },
    },
    svg('rect', { x: node.x, y: node.y - GRAPH.high / 2, width: node.wide, height: GRAPH.high, rx: kind === 'oneshot' ? GRAPH.high / 2 : kind === 'target' ? 0 : 5 }),
    svg('text', { x: node.x + node.wide / 2, y: node.y + 4 }, unit.name));
    return tip.on(group, () => [unit.name, `${kind}${unit.wave ? `, wave ${unit.wave}` : ''}`, unit.command || null, `waits for ${units.waits(unit)}`]);
  },

  /* Shows what a unit waits for and what waits for it; `null` shows all alike again. */
  choose(index) {
    units.chosen = index;
    const before = index === null ? null : units.before[index];
    const behind = index === null ? null : units.behind[index];
    byId('graph').classList.toggle('chosen', index !== null);
    units.boxes.forEach((box, at) => {
      box.classList.toggle('self', at === index);
      box.classList.toggle('before', Boolean(before && before.has(at)));
      box.classList.toggle('behind', Boolean(behind && behind.has(at)));
      box.setAttribute('aria-pressed', `${at === index}`);
    });
    for (const edge of units.all) {
      const up = before && (edge.to === index || before.has(edge.to)) && before.has(edge.from);
      const down = behind && (edge.from === index || behind.has(edge.from)) && behind.has(edge.to);
      edge.line.classList.toggle('before', Boolean(up));
      edge.line.classList.toggle('behind', Boolean(down));
      edge.line.classList.toggle('direct', index !== null && (edge.from === index || edge.to === index));
    }
    const named = (set) => [...set].map((at) => data.units[at].name).sort().join(', ') || 'nothing';
    byId('unit-told').textContent = index === null ? '' : `${data.units[index].name} waits for ${named(before)}. Behind it: ${named(behind)}.`;
  },
};
