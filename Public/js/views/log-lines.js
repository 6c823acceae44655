// The log that was asked about, with the lines that an answer speaks of marked and numbered as in the answer.

import { h } from '../dom.js';

/** Lines around a marked one that are kept. */
const CONTEXT = 2;
const ROWS_MAX = 400;

/** `marks` are {line, last, tone, target}: the element `target` says what the lines mean. */
export function logLines(text, marks) {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  const byLine = new Map();
  for (const mark of marks) for (let at = mark.line; at <= Math.min(mark.last, mark.line + ROWS_MAX); at += 1) if (!byLine.has(at)) byLine.set(at, mark);
  const isKept = (number) => {
    for (let near = number - CONTEXT; near <= number + CONTEXT; near += 1) if (byLine.has(near)) return true;
    return false;
  };
  const rows = [];
  let left = 0;
  const leave = () => {
    if (left) rows.push(h('li', { class: 'gap' }, `${left} other line${left === 1 ? '' : 's'}`));
    left = 0;
  };
  for (const [index, line] of lines.entries()) {
    const number = index + 1;
    if (rows.length >= ROWS_MAX || !isKept(number)) {
      left += 1;
      continue;
    }
    leave();
    rows.push(row(number, line, byLine.get(number)));
  }
  leave();
  return h('ol', { class: 'log-lines', tabindex: '0', 'aria-label': 'Lines of the log' }, rows);
}

function row(number, line, mark) {
  const name = mark ? h('button', { type: 'button', class: 'link line-number', 'aria-label': `Line ${number}: what it means`, onclick: () => {
    mark.target.scrollIntoView({ block: 'center' });
    mark.target.focus({ preventScroll: true });
  } }, String(number)) : h('span', { class: 'line-number muted' }, String(number));
  const text = h('code', null, line);
  return h('li', { class: mark ? `marked ${mark.tone}` : null }, name, mark ? h('mark', null, text) : text);
}
