// The public API, and nothing else, is where every answer on the page comes from.

/** A refusal of the server, or its absence: what happened and what to do next. */
export class Problem extends Error {
  constructor(status, document, request) {
    super(document.detail);
    this.status = status;
    this.code = document.code;
    this.title = document.title;
    this.detail = document.detail;
    this.errors = document.errors ?? [];
    this.explanation = document.explanation;
    this.instance = document.instance;
    this.request = request;
    this.retryAfterSeconds = null;
  }

  static unreachable(request) {
    return new Problem(0, {
      code: 'unreachable', title: 'The server does not answer',
      detail: 'Check that iovad serve is running and that this page comes from it, then try again.',
    }, request);
  }
}

const TOKEN = 'iovad-token';

export const token = () => sessionStorage.getItem(TOKEN);
export const setToken = (value) => sessionStorage.setItem(TOKEN, value);

const JSON_TYPE = 'application/json';

/**
 * Asks; gives the answer's JSON (or text), throws a Problem. `isFresh`: the browser's own copy is not asked about. What
 * was made again under the id of another has the same tag where it has the same revision.
 */
export async function ask(method, path, { query, json, body, type, headers = {}, signal, accept, isFresh } = {}) {
  const parameters = new URLSearchParams(
    Object.entries(query ?? {}).filter(([, value]) => value !== undefined && value !== null && value !== ''));
  // A plus sign is a plus sign to the server, not a space as in forms.
  const target = parameters.size ? `${path}?${parameters.toString().replaceAll('+', '%20')}` : path;
  const fields = { ...headers, Accept: accept ?? JSON_TYPE };
  if (json !== undefined) fields['Content-Type'] = JSON_TYPE;
  else if (type) fields['Content-Type'] = type;
  if (token()) fields.Authorization = `Bearer ${token()}`;
  let response;
  try {
    response = await fetch(target, {
      method, headers: fields, signal, cache: isFresh ? 'no-store' : 'default', body: json !== undefined ? JSON.stringify(json) : body });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw Problem.unreachable(`${method} ${target}`);
  }
  const text = await response.text();
  if (!response.ok) throw refusal(response, text, `${method} ${target}`);
  if (accept && accept !== JSON_TYPE) return text;
  const answer = text ? JSON.parse(text) : {};
  if (answer.model?.kernel) ({ model } = answer);
  // Seen by callers that need it, never by a loop over the members.
  Object.defineProperty(answer, 'etag', { value: response.headers.get('ETag'), enumerable: false });
  Object.defineProperty(answer, 'httpStatus', { value: response.status, enumerable: false });
  return answer;
}

function refusal(response, text, request) {
  let document;
  try {
    document = JSON.parse(text);
  } catch {
    document = { code: `http-${response.status}`, title: response.statusText, detail: 'The answer is not a problem document: something between this page and iovad may have sent it.' };
  }
  const problem = new Problem(response.status, document, request);
  problem.retryAfterSeconds = Number(response.headers.get('Retry-After')) || null;
  return problem;
}

let links;

/** Whether this server has an operation, such as 'GET /v1/vmms'; asked once, so that no request is sent for nothing. */
export async function offers(operation) {
  links ??= ask('GET', '/v1').then((index) => new Set(Object.values(index.links ?? {})));
  try {
    return (await links).has(operation);
  } catch (problem) {
    links = undefined;
    throw problem;
  }
}

/** Every page of a list; stops at `most` items. */
export async function all(path, query = {}, most = 5000, signal) {
  const items = [];
  let page = '';
  let answer;
  do {
    answer = await ask('GET', path, { query: { ...query, limit: Math.min(1000, most), page_token: page }, signal });
    items.push(...answer.items);
    page = answer.next_page_token;
  } while (page && items.length < most);
  return Object.assign(answer, { items });
}

/** A segment of a path. */
export const segment = (text) => encodeURIComponent(text);

let model = null;

/** The model of the newest answer since it was forgotten; null where none had one. */
export const lastModel = () => model;

export function forgetModel() {
  model = null;
}
