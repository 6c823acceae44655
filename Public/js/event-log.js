// What happened to a resource, newest first: rows for events as they come, and for what was before.

import { h, replace } from './dom.js';

export const LOG_ROWS_MAX = 200;

export class EventLog {
  constructor() {
    this.rows = h('ol', { class: 'log-rows' });
    this.element = h('div', { class: 'log', tabindex: '0', role: 'log', 'aria-label': 'Events' }, this.rows);
  }

  clear() {
    replace(this.rows);
  }

  /** A page of events, as the API gives it. */
  addPage({ items, gap }) {
    if (gap) this.add({ id: gap.missed_through, name: 'gap', data: gap });
    for (const { id, event, data } of items) this.add({ id, name: event, data });
  }

  add({ id, name, data }) {
    this.rows.prepend(h('li', { class: name === 'gap' ? 'gap' : null, 'data-event': name },
      h('code', { class: 'muted' }, id || '–'), h('strong', null, name.replaceAll('_', ' ')),
      h('span', null, name === 'gap' ? 'Earlier events are not kept; the picture above shows their result. ' : '', h('code', null, inWords(data)))));
    while (this.rows.childElementCount > LOG_ROWS_MAX) this.rows.lastChild.remove();
  }
}

/** An event's data on one line. */
function inWords(data) {
  const word = (value) => {
    if (value === null || typeof value !== 'object') return String(value);
    if (Array.isArray(value)) return value.map(word).join('; ');
    const { start, last, size, ...others } = value;
    const isRange = start !== undefined && last !== undefined;
    const named = Object.entries(isRange ? others : value).map(([name, inner]) => `${name} ${word(inner)}`);
    return [...named, ...(isRange ? [`${start} – ${last}`] : [])].join(', ');
  };
  return word(data);
}
