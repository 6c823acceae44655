// The content of a map as a table: for screen readers, for printing, and for people who prefer one. A long one is
// shown by the page; the copy has every row.

import { copyButton, h, replace } from '../dom.js';
import { hex, sizeName, sizeOf } from '../hex.js';
import { kindClass, kindName } from '../kinds.js';
import { scrolledTable } from '../parts.js';

const ROWS_PER_PAGE = 100;

/** `map` gets the chosen row's item. */
export function regionTable(map, caption) {
  const rows = map.lanes.flatMap((lane) => lane.items.map((item) => ({ lane, item })));
  const lines = () => ['lane\tkind\tstart\tlast\tsize\tnote', ...rows.map(({ lane, item }) =>
    [lane.label, item.title ?? kindName(item.kind), hex(item.start), hex(item.last), hex(sizeOf(item)), item.note ?? ''].join('\t'))].join('\n');
  const body = h('tbody');
  const pages = h('span', { class: 'pages' });
  const turn = (from) => {
    replace(body, rows.slice(from, from + ROWS_PER_PAGE).map(({ lane, item }) => row(map, lane, item)));
    if (rows.length <= ROWS_PER_PAGE) return;
    const to = Math.min(rows.length, from + ROWS_PER_PAGE);
    const button = (text, at) => h('button', { type: 'button', class: 'button small', disabled: at < 0 || at >= rows.length, onclick: () => turn(at) }, text);
    replace(pages, button('Earlier', from - ROWS_PER_PAGE), button('Later', from + ROWS_PER_PAGE),
      h('span', { class: 'muted', role: 'status' }, `Rows ${from + 1} to ${to} of ${rows.length}; the copy has all of them.`));
  };
  turn(0);
  return h('div', { class: 'table-box' },
    scrolledTable(caption, { class: 'regions', columns: ['What', 'Start', 'Last', 'Size', 'Reason', 'Seen in'] }, body),
    h('p', { class: 'table-foot' }, copyButton(lines, 'the table', 'Copy as tab-separated text'), pages));
}

function row(map, lane, item) {
  const name = item.title ?? kindName(item.kind);
  return h('tr', null,
    h('th', { scope: 'row' }, h('button', { type: 'button', class: 'link', 'aria-label': `${name}, show on the map`, onclick: () => {
      map.inspect(item);
      map.reveal(item);
    } }, h('span', { class: `swatch ${kindClass(item.kind)}` }), name)),
    h('td', null, h('code', null, hex(item.start))),
    h('td', null, h('code', null, hex(item.last))),
    h('td', { class: 'size' }, sizeName(sizeOf(item))),
    h('td', null, item.note ?? ''),
    h('td', null, item.seen ?? lane.label));
}
