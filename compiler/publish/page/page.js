'use strict';
const body = document.querySelector('tbody');
const rows = [...body.rows];
const words = document.getElementById('words');
const found = document.getElementById('found');
const filter = () => {
  const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const row of rows) {
    const text = row.textContent.toLowerCase();
    row.hidden = !wanted.every((word) => text.includes(word));
    shown += row.hidden ? 0 : 1;
  }
  found.textContent = wanted.length === 0 ? '' : `${shown} of ${rows.length}`;
};
words.addEventListener('input', filter);
document.getElementById('filter').hidden = rows.length < 2;
const value = (row, column) => {
  const cell = row.cells[column];
  const time = cell.querySelector('time');
  return time ? time.dateTime : cell.dataset.value ?? cell.textContent;
};
const headings = [...document.querySelectorAll('thead th')];
headings.forEach((heading, column) => {
  const button = document.createElement('button');
  button.type = 'button';
  button.textContent = heading.textContent;
  button.addEventListener('click', () => {
    const up = heading.getAttribute('aria-sort') !== 'ascending';
    headings.forEach((other) => other.removeAttribute('aria-sort'));
    heading.setAttribute('aria-sort', up ? 'ascending' : 'descending');
    const order = (one, other) => value(one, column).localeCompare(value(other, column), 'en', { numeric: true });
    body.append(...rows.sort((one, other) => (up ? order(one, other) : order(other, one))));
  });
  heading.replaceChildren(button);
});
