// The API reference: /openapi.json as operations by tag, with schemas, examples and a form that sends. Our own, and not
// swagger-ui: that is 1.5 MB of script, and it sets styles inline, which the policy of this server (default-src
// 'self') forbids. These four files are 20 KB, take the dashboard's colours, and build an operation when it is opened.

import { h, replace, debounce } from '../dom.js';
import { token, setToken } from '../api.js';
import { hasWords, wordsOf } from '../search.js';
import { operationView } from './operation.js';

const METHODS = ['get', 'put', 'post', 'patch', 'delete'];

/** Every operation of the contract, in its order. */
function operationsOf(contract) {
  return Object.entries(contract.paths).flatMap(([path, item]) => METHODS.filter((method) => item[method]).map((method) => ({
    ...item[method], method: method.toUpperCase(), path, parameters: [...(item.parameters ?? []), ...(item[method].parameters ?? [])],
  })));
}

function section(contract, tag, operations) {
  return h('section', { class: 'tag', id: `tag-${tag.name}` }, h('h2', null, tag.name), h('p', null, tag.description),
    operations.filter((operation) => operation.tags.includes(tag.name)).map((operation) => operationView(contract, operation)));
}

/** Hides the operations that do not contain every word. */
function search(text) {
  const words = wordsOf(text);
  let count = 0;
  for (const view of document.querySelectorAll('.operation')) {
    view.hidden = !hasWords(view.dataset.words, words);
    if (!view.hidden) count += 1;
  }
  for (const tag of document.querySelectorAll('.tag')) tag.hidden = !tag.querySelector('.operation:not([hidden])');
  return count;
}

function tools(contract, count) {
  const status = h('span', { class: 'muted', role: 'status' }, `${count} operations`);
  const find = h('input', { type: 'search', id: 'find', placeholder: 'platform, fault, window ...',
    oninput: debounce(80, (event) => { status.textContent = `${search(event.target.value)} of ${count} operations`; }) });
  const secret = h('input', { type: 'password', id: 'token', autocomplete: 'off', value: token() ?? '',
    onchange: (event) => setToken(event.target.value) });
  return h('div', { class: 'reference-tools' },
    h('div', { class: 'field' }, h('label', { for: 'find' }, 'Find an operation'), find),
    h('div', { class: 'field' }, h('label', { for: 'token' }, 'Token, if the server asks for one'), secret),
    status,
    h('nav', { class: 'tag-links', 'aria-label': 'Tags' },
      contract.tags.map((tag) => h('a', { href: `#tag-${tag.name}` }, tag.name))));
}

/** Opens the operation that the address names. */
function follow() {
  const view = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!view) return;
  if (view.matches('.operation')) view.open = true;
  view.scrollIntoView();
}

async function start() {
  const article = document.querySelector('.prose');
  const heading = [...article.querySelectorAll('h1, h1 + p')];
  try {
    const response = await fetch('/openapi.json');
    if (!response.ok) throw new Error(`/openapi.json: ${response.status}`);
    const contract = await response.json();
    const operations = operationsOf(contract);
    replace(article, heading, tools(contract, operations.length),
      contract.tags.map((tag) => section(contract, tag, operations)));
    addEventListener('hashchange', follow);
    follow();
  } catch (error) {
    // The list of operations that the page came with stays.
    article.insertBefore(h('p', { class: 'notice', role: 'alert' },
      `The contract could not be read (${error.message}). Reload the page when the server answers.`), heading.at(-1).nextSibling);
  }
}

start();
