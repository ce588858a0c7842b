const changes = {
  start() {
    const found = data.changes;
    if (!found) {
      byId('changes-lead').textContent = 'The store knows of no build of this manifest before this one.';
      return;
    }
    const count = found.added + found.removed + found.changed;
    const [was, is] = found.bytes;
    byId('changes-lead').textContent = count === 0
      ? `The image is the one of build ${found.since}.`
      : `Compared with build ${found.since}: ${plural(found.added, 'entry', 'entries')} added, ${found.removed.toLocaleString('en')} removed, ${found.changed.toLocaleString('en')} changed; ${signed(is - was)}, now ${bytes(is)}.`;
    if (found.origins.length > 0) {
      const largest = Math.max(...found.origins.map(([, before, after]) => Math.abs(after - before)));
      byId('changed-origins').replaceChildren(table(['origin', '#before', '#after', '#difference', ' '], found.origins.slice(0, 40).map(([origin, before, after]) => {
        const bar = el('span', { class: `delta ${after > before ? 'more' : 'less'}` });
        bar.style.width = `${Math.max(2, (Math.abs(after - before) / largest) * 120)}px`;
        return [origin, bytes(before), bytes(after), signed(after - before), bar];
      })));
    }
    if (count > 0) {
      const shown = found.files.length < count ? `The first ${found.files.length} of ${plural(count, 'entry', 'entries')}` : plural(count, 'entry', 'entries');
      byId('changed-files').replaceChildren(el('details', { open: count <= 20 ? '' : null }, el('summary', {}, shown), table(
        ['path', 'what', '#before', '#after'],
        found.files.map(([what, path, before, after]) => [el('code', {}, path), el('span', { class: `what ${what}` }, what), what === 'added' ? '' : bytes(before), what === 'removed' ? '' : bytes(after)]),
      )));
    }
  },
};

const parts = {
  start() {
    const list = data.parts.parts;
    const kinds = new Map();
    for (const part of list) kinds.set(part.k, (kinds.get(part.k) || 0) + 1);
    const counted = [...kinds].map(([kind, count]) => plural(count, kind, kind === 'patch' ? 'patches' : `${kind}s`));
    const whence = data.parts.listed ? 'From the list of parts that the build wrote.' : 'From apk’s database in the image and the origins of its files; an `sbom` among the outputs tells more.';
    byId('parts-lead').textContent = list.length > 0 ? `${counted.join(', ')}. ${whence}` : 'The image names no packages and no sources.';
    if (list.length === 0) return;
    const licences = new Map();
    for (const part of list) if (part.l) licences.set(part.l, (licences.get(part.l) || 0) + 1);
    const sorted = [...licences].sort((one, other) => other[1] - one[1] || (one[0] < other[0] ? -1 : 1));
    if (sorted.length > 0) {
      const most = sorted[0][1];
      byId('licences').replaceChildren(table(['licence', '#parts', ' '], sorted.slice(0, 60).map(([licence, count]) => {
        const bar = el('span', { class: 'delta some' });
        bar.style.width = `${Math.max(2, (count / most) * 160)}px`;
        return [licence, `${count}`, bar];
      })));
    }
    const rows = () => {
      const wanted = field.value.trim().toLowerCase();
      const found = list.filter((part) => `${part.k} ${part.n} ${part.v} ${part.l}`.toLowerCase().includes(wanted));
      return table(['name', 'version', 'kind', 'licence'], found.slice(0, 1000).map((part) => [part.n, part.v, part.k, part.l]));
    };
    const field = el('input', { type: 'search', placeholder: 'name, version, kind or licence', 'aria-label': 'Find parts', input: () => shown.replaceChildren(rows()) });
    const shown = el('div', {}, rows());
    byId('part-list').replaceChildren(el('details', {}, el('summary', {}, 'All parts'), field, shown));
  },
};
