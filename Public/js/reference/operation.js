// One operation: what it does, what it takes, what it answers, and the form that sends it. Built when it is opened.

import { h } from '../dom.js';
import { exampleText, examplesOf, prose, resolved, schemaView, typeText } from './schema.js';
import { requestForm } from './request.js';

const PLACES = { path: 'in the path', query: 'in the query', header: 'a header' };

const words = (operation) =>
  [operation.operationId, operation.method, operation.path, operation.summary, operation.description, ...operation.tags].join(' ').toLowerCase();

export function operationView(contract, operation) {
  const view = h('details', { class: 'operation', id: operation.operationId, 'data-words': words(operation) },
    h('summary', null,
      h('span', { class: `method ${operation.method.toLowerCase()}` }, operation.method),
      h('h3', null, h('code', null, operation.path)),
      h('span', { class: 'muted' }, operation.summary)));
  view.addEventListener('toggle', () => {
    if (!view.open || view.children.length > 1) return;
    view.append(content(contract, operation));
  });
  return view;
}

function content(contract, operation) {
  const parameters = operation.parameters.map((parameter) => resolved(contract, parameter));
  const body = operation.requestBody ? resolved(contract, operation.requestBody) : null;
  return h('div', { class: 'operation-body' },
    h('p', null, prose(operation.description), ' ', h('a', { href: `#${operation.operationId}`, class: 'muted' }, operation.operationId)),
    h('p', { class: 'muted' }, scopeText(operation.security ?? contract.security)),
    parameters.length ? parameterList(contract, parameters) : null,
    h('h4', null, 'Try it'), requestForm(contract, operation, parameters, body),
    body ? [h('h4', null, 'Body'), contents(contract, body.content)] : null,
    h('h4', null, 'Answers'), answers(contract, operation.responses));
}

function scopeText(security) {
  const scopes = security.flatMap((choice) => choice.bearer ?? []);
  return scopes.length ? `Where the server asks for tokens: scope ${scopes.join(', ')}.` : 'No token is needed.';
}

function parameterList(contract, parameters) {
  return [h('h4', null, 'Parameters'), h('ul', { class: 'members' }, parameters.map((parameter) => h('li', null,
    h('code', { class: 'member' }, parameter.name), ' ',
    h('span', { class: 'type' }, `${PLACES[parameter.in]}: ${typeText(contract, parameter.schema)}`),
    parameter.required ? h('span', { class: 'required' }, 'required') : null, h('p', null, prose(parameter.description)))))];
}

/** The schema of each media type, and its examples. */
function contents(contract, content) {
  return Object.entries(content ?? {}).map(([type, media]) => h('div', { class: 'media' },
    h('p', null, h('code', null, type)),
    media.schema ? schemaView(contract, media.schema) : null,
    Object.values(media.examples ?? {}).filter((example) => example.externalValue?.startsWith('/')).map((example) =>
      h('p', null, h('a', { href: example.externalValue }, `Example: ${example.summary}`))),
    examplesOf(media).map(([name, example]) => h('details', { class: 'example' },
      h('summary', null, example.summary || name !== 'example' ? `Example: ${example.summary ?? name}` : 'Example'),
      h('pre', { tabindex: 0 }, h('code', null, exampleText(example.value)))))));
}

function answers(contract, responses) {
  return Object.entries(responses).map(([status, response]) => {
    const answer = resolved(contract, response);
    const view = h('details', { class: 'answer' },
      h('summary', null, h('span', { class: `status s${status[0]}` }, status), ' ', prose(answer.description)));
    view.addEventListener('toggle', () => {
      if (!view.open || view.children.length > 1) return;
      view.append(h('div', { class: 'media' },
        Object.entries(answer.headers ?? {}).map(([name, header]) =>
          h('p', null, h('code', null, name), ': ', prose(resolved(contract, header).description))),
        contents(contract, answer.content), answer.content ? null : h('p', { class: 'muted' }, 'No body.')));
    });
    return view;
  });
}
