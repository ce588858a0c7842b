const LANE = { high: 22, gap: 4, axis: 24 };

const timeline = {
  start() {
    const { build } = data;
    if (!build) {
      byId('timeline-lead').textContent = 'The store has no record of the build that wrote this image.';
      return;
    }
    const stored = build.stored.reduce((sum, [, count]) => sum + count, 0);
    const brought = build.performed.filter((action) => action.b).length;
    const when = new Date(build.started).toISOString().replace('T', ' ').slice(0, 16);
    byId('timeline-lead').textContent = `Build ${build.number} of ${when} UTC took ${duration(build.elapsed)}: ${plural(build.performed.length - brought, 'action')} performed, ${brought > 0 ? `${brought.toLocaleString('en')} from the shared cache, ` : ''}${stored.toLocaleString('en')} from the store.`;
    if (build.performed.length === 0) return;
    byId('lanes').replaceChildren(timeline.lanes(build));
    byId('stages').replaceChildren(...build.stages.map((stage, index) => {
      const inside = build.performed.filter((action) => action.s === index);
      const busy = inside.reduce((sum, action) => sum + action.d, 0);
      const kept = build.stored.find(([name]) => name === stage);
      return el('li', {}, tinted(el('i'), timeline.hue(index)), `${stage} `, el('small', {}, `${plural(inside.length, 'action')}, ${duration(busy)}${kept ? `; ${kept[1]} stored` : ''}`));
    }));
    const longest = [...build.performed].sort((one, other) => other.d - one.d).slice(0, 8);
    byId('longest').replaceChildren(table(['longest', '#time', 'why'], longest.map((action) => [action.n, duration(action.d), action.c.join('; ')])));
  },

  hue(index) {
    return Math.round((index * 137.5 + 230) % 360);
  },

  lanes(build) {
    const whole = Math.max(1, build.elapsed, ...build.performed.map((action) => action.t + action.d));
    const share = (time) => `${((time / whole) * 100).toFixed(3)}%`;
    const stored = build.stored.flatMap(([stage, count]) => Array(Math.min(count, 400)).fill(stage));
    const strip = LANE.axis + build.lanes * (LANE.high + LANE.gap) + 6;
    const picture = svg('svg', { width: '100%', height: strip + (stored.length > 0 ? 26 : 0), role: 'img', 'aria-label': 'The actions of the build over time' });
    for (const time of timeline.ticks(whole)) {
      const x = share(time);
      picture.append(
        svg('line', { class: 'tick', x1: x, x2: x, y1: LANE.axis - 6, y2: strip - 6 }),
        svg('text', { class: 'axis', x, y: 12, 'text-anchor': time === 0 ? 'start' : 'middle' }, duration(time)),
      );
    }
    for (const action of build.performed) {
      const y = LANE.axis + action.l * (LANE.high + LANE.gap);
      const bar = svg('rect', { class: 'bar', x: share(action.t), y, width: share(Math.max(action.d, whole / 600)), height: LANE.high, rx: 2 });
      tinted(bar, timeline.hue(action.s));
      picture.append(tip.on(bar, () => [action.n, `${build.stages[action.s]}, ${duration(action.d)}, begun after ${duration(action.t)}${action.w ? `, ${action.w}` : ''}`, action.c.length > 0 ? `because: ${action.c.join('; ')}` : null]));
      if (action.d / whole > 0.12) {
        const label = svg('svg', { x: share(action.t), y, width: share(action.d), height: LANE.high });
        label.append(svg('text', { class: 'name', x: 6, y: 15 }, action.n));
        picture.append(label);
      }
    }
    stored.forEach((stage, index) => {
      const x = `${((index + 0.5) / stored.length) * 100}%`;
      const line = svg('line', { class: 'stored', x1: x, x2: x, y1: strip, y2: strip + 8 });
      picture.append(tip.on(line, () => ['from the store', stage]));
    });
    if (stored.length > 0) picture.append(svg('text', { class: 'axis', x: 0, y: strip + 22 }, 'from the store'));
    return picture;
  },

  ticks(whole) {
    const step = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 15000, 30000, 60000, 120000, 300000, 600000, 1800000, 3600000]
      .find((candidate) => whole / candidate <= 7) || whole / 5;
    const ticks = [];
    for (let time = 0; time < whole * 0.97; time += step) ticks.push(time);
    return ticks;
  },
};
