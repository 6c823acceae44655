// A problem as what to do next: the sentence first, each mistake with its place, the code to quote, one action.

import { h } from './dom.js';
import { setToken } from './api.js';

/** What only this page can add to the server's sentence. */
const NEXT = {
  'body-too-large': 'Drop the file of the machine itself (a device tree has at most 2 MiB), not an archive.',
  'platform-exists': 'Replace it, or store this one under another name.',
  'session-expired': 'Sessions end after their time to live. Create another one.',
  'precondition-failed': 'It was changed by somebody else. The view below is current: check it, then repeat.',
  'too-many-sessions': 'Delete a session that is not in use, or wait until one expires.',
};

/** A panel for `problem`; `actions` are [label, function] pairs. */
export function problemPanel(problem, ...actions) {
  if (!problem.code) console.error(problem);
  const code = problem.code ?? 'page';
  const heading = problem.title ?? 'This page made a mistake';
  return h('section', { class: 'problem', role: 'alert', 'data-code': code },
    h('h3', null, heading),
    h('p', null, problem.detail ?? problem.message),
    NEXT[code] ? h('p', null, NEXT[code]) : null,
    problem.errors?.length
      ? h('ul', null, problem.errors.map((error) => h('li', null, error.pointer ? h('code', null, error.pointer) : null, ' ', error.detail)))
      : null,
    code === 'unauthenticated' || code === 'forbidden' ? tokenForm() : null,
    h('p', { class: 'problem-foot' },
      problem.status ? h('a', { href: `/problems/${encodeURIComponent(code)}` }, h('code', null, code)) : h('code', null, code),
      problem.instance ? h('span', { class: 'muted' }, problem.instance.replace('urn:iovad:request:', 'request ')) : null,
      actions.map(([label, action]) => h('button', { type: 'button', class: 'button', onclick: action }, label))));
}

function tokenForm() {
  const input = h('input', { type: 'password', id: 'token', autocomplete: 'off', required: true });
  return h('form', { class: 'inline', onsubmit: (event) => {
    event.preventDefault();
    setToken(input.value);
    location.reload();
  } }, h('label', { for: 'token' }, 'Token of this server'), input, h('button', { class: 'button', type: 'submit' }, 'Use it'));
}
