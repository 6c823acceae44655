// The form of an operation, with its examples filled in: sends to the server that the page comes from, shows the
// answer as it came, and the same request for curl.

import { h, replace, select, copyButton } from '../dom.js';
import { token } from '../api.js';
import { curlLine } from '../curl.js';
import { exampleText, examplesOf, resolved, typeText } from './schema.js';

const SHOWN_CHARACTERS_MAX = 200_000;
let count = 0;

export function requestForm(contract, operation, parameters, body) {
  count += 1;
  const inputs = parameters.map((parameter, index) => ({ parameter, control: control(contract, parameter, `r${count}-${index}`) }));
  const types = Object.keys(operation.responses[Object.keys(operation.responses).find((status) => status < 300)].content ?? {});
  const accept = types.length > 1 ? labelled('Answer as', select(types.map((type) => [type, type]), types[0]), `r${count}-accept`) : null;
  const sending = body ? bodyFields(contract, body) : null;
  const result = h('div', { class: 'result', 'aria-live': 'polite' });
  const request = () => compose(operation, inputs, sending, accept?.querySelector('select').value ?? types[0]);
  return h('form', { class: 'request', onsubmit: (event) => { event.preventDefault(); send(request(), result); } },
    h('div', { class: 'inputs' }, inputs.map(({ parameter, control: input }) =>
      labelled(parameter.name, input, input.id, parameter.required)), accept),
    sending?.view,
    h('div', { class: 'actions' }, h('button', { type: 'submit', class: 'button primary' }, 'Send'),
      copyButton(() => curlLine(request()), 'curl', 'Copy as curl')),
    result);
}

function labelled(text, input, id, isRequired) {
  input.id = id;
  return h('div', { class: 'field' }, h('label', { for: id }, text, isRequired ? ' (required)' : ''), input);
}

function control(contract, parameter, id) {
  const schema = resolved(contract, parameter.schema);
  const value = parameter.example ?? '';
  const values = schema.enum ?? (schema.type === 'boolean' ? ['true', 'false'] : null);
  if (values) {
    const choice = select([['', ''], ...values.map((each) => [String(each), String(each)])], String(value));
    return Object.assign(choice, { id });
  }
  return h('input', { id, type: 'text', value: String(value), required: parameter.required && parameter.in === 'path',
    placeholder: typeText(contract, schema).slice(0, 40), autocomplete: 'off' });
}

/** The body: a media type, an example of it, and a text or files. */
function bodyFields(contract, body) {
  const types = Object.keys(body.content);
  const id = `r${count}-body`;
  const place = h('div', { class: 'body-place' });
  const state = { type: types[0], value: () => '' };
  const show = (type) => {
    state.type = type;
    const media = body.content[type];
    const schema = resolved(contract, media.schema);
    if (type === 'multipart/form-data') replace(place, parts(state, schema));
    else if (!isText(type)) replace(place, file(state, id));
    else replace(place, text(state, media, id));
  };
  show(state.type);
  const choice = types.length > 1
    ? labelled('Content type', select(types.map((type) => [type, type]), state.type, show), `${id}-type`) : null;
  return { view: h('div', null, choice, place), state };
}

const isText = (type) => type.startsWith('text/') || type.endsWith('json');

function text(state, media, id) {
  const examples = examplesOf(media);
  const area = h('textarea', { rows: 8, spellcheck: 'false', value: examples.length ? exampleText(examples[0][1].value) : '' });
  state.value = () => area.value;
  const pick = examples.length > 1
    ? labelled('Example', select(examples.map(([name, example]) => [name, example.summary ?? name]), examples[0][0],
      (name) => { area.value = exampleText(media.examples[name].value); }), `${id}-example`) : null;
  return [pick, labelled('Body', area, id)];
}

function file(state, id) {
  const input = h('input', { type: 'file' });
  state.value = () => input.files[0] ?? '';
  return labelled('File', input, id);
}

function parts(state, schema) {
  const inputs = Object.keys(schema.properties ?? {}).map((name) => [name, h('input', { type: 'file', multiple: true })]);
  state.value = () => {
    const form = new FormData();
    for (const [name, input] of inputs) for (const each of input.files) form.append(name, each);
    return form;
  };
  return h('div', { class: 'inputs' }, inputs.map(([name, input]) => labelled(name, input, `r${count}-part-${name}`)));
}

/** What is sent: target, fields and body. */
function compose(operation, inputs, sending, accept) {
  let target = operation.path;
  const query = [];
  const fields = accept ? { Accept: accept } : {};
  for (const { parameter, control: input } of inputs) {
    const value = encodeURIComponent(input.value);
    // Only the path of a file has slashes.
    if (parameter.in === 'path') target = target.replace(`{${parameter.name}}`, parameter.name === 'file' ? value.replaceAll('%2F', '/') : value);
    else if (input.value === '') continue;
    else if (parameter.in === 'query') query.push(`${parameter.name}=${value}`);
    else fields[parameter.name] = input.value;
  }
  if (query.length) target += `?${query.join('&')}`;
  const body = sending?.state.value();
  // The browser writes the boundary of a form itself.
  if (sending && !(body instanceof FormData)) fields['Content-Type'] = sending.state.type;
  return { method: operation.method, target, fields, body };
}

async function send({ method, target, fields, body }, result) {
  replace(result, h('p', { class: 'muted' }, 'Sending ...'));
  const started = performance.now();
  try {
    const headers = token() ? { ...fields, Authorization: `Bearer ${token()}` } : fields;
    const stop = AbortSignal.timeout(30_000);
    const response = await fetch(target, { method, headers, body: body === '' ? undefined : body, signal: stop });
    const content = await read(response);
    const took = Math.round(performance.now() - started);
    const lines = [...response.headers].map(([name, value]) => `${name}: ${value}`).join('\n');
    replace(result,
      h('p', null, h('span', { class: `status s${String(response.status)[0]}` }, String(response.status)), ` ${response.statusText} in ${took} ms`),
      h('details', null, h('summary', null, 'Headers'), h('pre', { tabindex: 0 }, h('code', null, lines))),
      content ? h('pre', { tabindex: 0, class: 'answer-body' }, h('code', null, content)) : h('p', { class: 'muted' }, 'No body.'));
  } catch (error) {
    replace(result, h('p', { class: 'notice', role: 'alert' }, `The server did not answer: ${error.message}`));
  }
}

/** The body as text, indented where it is JSON; of a stream what comes first. */
async function read(response) {
  const type = response.headers.get('Content-Type') ?? '';
  if (type.startsWith('text/event-stream')) {
    const reader = response.body.getReader();
    const first = await Promise.race([reader.read(), new Promise((done) => { setTimeout(() => done({ done: true }), 3_000); })]);
    await reader.cancel();
    return first.value ? new TextDecoder().decode(first.value) : '(no event within 3 s)';
  }
  const content = await response.text();
  const shown = type.includes('json') && !type.includes('ndjson') ? indented(content) : content;
  return shown.length > SHOWN_CHARACTERS_MAX ? `${shown.slice(0, SHOWN_CHARACTERS_MAX)}\n...` : shown;
}

function indented(content) {
  try {
    return JSON.stringify(JSON.parse(content), null, 2);
  } catch {
    return content;
  }
}
