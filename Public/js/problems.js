// A problem as what to do next: the sentence first, each mistake with the field that it is in, one action; what the API
// said, with its places and routes, is folded.

import { h } from './dom.js';
import { setToken } from './api.js';
import { fieldName, withoutRoutes } from './sentences.js';

/** What only this page can add to the server's sentence. */
const NEXT = {
  'body-too-large': 'Drop the file of the machine itself (a device tree has at most 2 MiB), not an archive.',
  'platform-exists': 'Replace it, or store this one under another name.',
  'session-expired': 'Sessions end after their time to live. Create another one.',
  'precondition-failed': 'It was changed by somebody else. The view below is current: check it, then repeat.',
  'too-many-sessions': 'Delete a session that is not in use, or wait until one expires.',
};

/** Only counts the mistakes that follow. */
const COUNTS = /^(The request is wrong in \d+ places?; each is named under errors|Correct the query: .*)\.$/;

/** A panel for `problem`; `actions` are [label, function] pairs. */
export function problemPanel(problem, ...actions) {
  if (!problem.code) console.error(problem);
  const code = problem.code ?? 'page';
  const heading = problem.title ?? 'This page made a mistake';
  const errors = problem.errors ?? [];
  const detail = withoutRoutes(problem.detail ?? problem.message).replace(/[;,] (each|which) is named under errors/, '');
  return h('section', { class: 'problem', role: 'alert', 'data-code': code },
    h('h3', null, heading),
    errors.length && COUNTS.test(problem.detail) ? null : h('p', null, detail),
    NEXT[code] ? h('p', null, NEXT[code]) : null,
    errors.length ? h('ul', null, errors.map(({ pointer, detail: words }) => h('li', null, fieldName(pointer ?? '') ? [h('strong', { title: pointer }, fieldName(pointer)), ': '] : null, withoutRoutes(words)))) : null,
    code === 'unauthenticated' || code === 'forbidden' ? tokenForm() : null,
    h('p', { class: 'problem-foot' },
      problem.status ? h('a', { href: `/problems/${encodeURIComponent(code)}` }, h('code', null, code)) : h('code', null, code),
      problem.instance ? h('span', { class: 'muted' }, problem.instance.replace('urn:iovad:request:', 'request ')) : null,
      actions.map(([label, action]) => h('button', { type: 'button', class: 'button', onclick: action }, label))),
    asSaid(problem, errors, detail));
}

/** What the API said word for word, where that is more than what is shown. */
function asSaid(problem, errors, detail) {
  if (!errors.some(({ pointer }) => pointer) && detail === problem.detail) return null;
  return h('details', { class: 'more as-said' }, h('summary', null, 'As the API said it'),
    problem.request ? h('p', null, h('code', null, problem.request)) : null,
    h('p', null, problem.detail),
    errors.length ? h('ul', null, errors.map((error) => h('li', null, h('code', null, error.pointer), ' ', error.detail))) : null);
}

function tokenForm() {
  const input = h('input', { type: 'password', id: 'token', autocomplete: 'off', required: true });
  return h('form', { class: 'inline', onsubmit: (event) => {
    event.preventDefault();
    setToken(input.value);
    location.reload();
  } }, h('label', { for: 'token' }, 'Token of this server'), input, h('button', { class: 'button', type: 'submit' }, 'Use it'));
}
