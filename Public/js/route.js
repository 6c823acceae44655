// The state of the view lives in the address: a link restores what its sender saw. The hash is used, not the
// query, since the server refuses query parameters that it does not know.

const listeners = new Set();

const NAMES = ['space', 'placement', 'agreements', 'faults', 'sessions', 'atlas'];
/** Names in links that people have kept. */
const FORMER = { logs: 'faults' };

export function read() {
  const [path, query] = location.hash.replace(/^#\/?/, '').split('?');
  return { view: FORMER[path] ?? (path || 'space'), state: Object.fromEntries(new URLSearchParams((query ?? '').replaceAll('+', '%2B'))) };
}

export function link(view, state) {
  const query = new URLSearchParams(Object.entries(state).filter(([, value]) => value !== null && value !== undefined && value !== ''));
  // Slashes and colons read better as they are, and a hash allows them. A plus sign is one: releases have it.
  const text = query.toString().replaceAll('+', '%20').replaceAll('%2F', '/').replaceAll('%3A', ':').replaceAll('%40', '@').replaceAll('%2C', ',');
  return `#/${NAMES.includes(view) ? view : 'space'}${text ? '?' + text : ''}`;
}

/** Merges `patch` into the state; null removes a member. `push` makes a step that Back undoes. */
export function write(patch, { push = false } = {}) {
  const { view, state } = read();
  const target = link(view, { ...state, ...patch });
  if (target === location.hash) return;
  history[push ? 'pushState' : 'replaceState'](null, '', target);
}

export function onChange(listener) {
  listeners.add(listener);
}

// Every address of the page differs from the others in its hash alone, so that this event is sent for links, for Back
// and for what somebody types; `popstate` would ask the same once more.
addEventListener('hashchange', () => {
  for (const listener of listeners) listener(read());
});

/** Goes to another view, as a click on a link does. */
export function go(view, state) {
  location.hash = link(view, state);
}
