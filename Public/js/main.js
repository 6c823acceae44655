// The page's frame: which view is shown, which theme, and what stays when a view goes.

import { icon, replace } from './dom.js';
import { problemPanel } from './problems.js';
import * as route from './route.js';

const VIEWS = {
  space: async () => (await import('./views/space.js')).SpaceView,
  placement: async () => (await import('./views/placement.js')).PlacementView,
  logs: async () => (await import('./views/logs.js')).LogsView,
  sessions: async () => (await import('./views/sessions.js')).SessionsView,
  atlas: async () => (await import('./views/atlas.js')).AtlasView,
};

const main = document.getElementById('main');
let current = null;

async function show({ view, state }) {
  const name = VIEWS[view] ? view : 'space';
  for (const link of document.querySelectorAll('[data-view]')) {
    if (link.dataset.view === name) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  if (current?.name === name) return current.view.update(state);
  current?.view.stop?.();
  const started = (current = { name, view: { update() {}, stop() {} } });
  try {
    const View = await VIEWS[name]();
    if (current !== started) return undefined;
    replace(main);
    main.className = `view-${name}`;
    current.view = new View(main);
    await current.view.update(state);
    document.documentElement.dataset.ready = name;
    performance.mark('iovad-usable');
  } catch (problem) {
    replace(main, problemPanel(problem, ['Load the page again', () => location.reload()]));
  }
  return undefined;
}

function themeSwitch() {
  const button = document.getElementById('theme');
  const root = document.documentElement;
  const isDark = () => (root.dataset.theme ?? (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light')) === 'dark';
  const draw = () => {
    replace(button, icon(isDark() ? 'sun' : 'moon'));
    button.setAttribute('aria-label', isDark() ? 'Switch to light' : 'Switch to dark');
  };
  button.addEventListener('click', () => {
    root.dataset.theme = isDark() ? 'light' : 'dark';
    try {
      localStorage.setItem('iovad-theme', root.dataset.theme);
    } catch { /* storage is closed: the choice lasts as long as the page */ }
    draw();
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
  draw();
}

addEventListener('error', (event) => console.error(event.error ?? event.message));
themeSwitch();
route.onChange(show);
await show(route.read());
