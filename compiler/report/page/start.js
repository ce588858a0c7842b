byId('name').textContent = data.name;
byId('facts').replaceChildren(...data.facts.flatMap(([name, value]) => [el('dt', {}, name), el('dd', {}, value)]));
byId('figures').replaceChildren(
  ...data.outputs.map((output) => el('li', { title: `SHA-256 ${output.sha256}` }, el('b', {}, bytes(output.size)), output.name)),
  el('li', {}, el('b', {}, bytes(data.bytes)), `in ${plural(data.files, 'file')}`),
  el('li', {}, el('b', {}, `${data.units.length}`), data.units.length === 1 ? 'unit' : 'units'),
  el('li', {}, el('b', {}, `${data.parts.parts.length}`), 'parts'),
);
byId('contents').replaceChildren(...[...document.querySelectorAll('main section')].map((section) => (
  el('a', { href: `#${section.id}` }, section.querySelector('h2').textContent))));
for (const part of [treemap, units, timeline, changes, parts]) part.start();
addEventListener('keydown', (event) => {
  if (event.key === 'Escape') tip.hide();
});
addEventListener('scroll', tip.hide, { passive: true });
