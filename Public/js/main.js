// The page's frame: which view is shown, which theme, where dropped files go, and what stays when a view goes.

import { Problem } from './api.js';
import { announce, h, icon, replace } from './dom.js';
import { listenForDrops, recognise } from './intake.js';
import { problemPanel } from './problems.js';
import * as route from './route.js';
import { freeID, platformID, upload } from './uploads.js';

const VIEWS = {
  space: async () => (await import('./views/space.js')).SpaceView,
  placement: async () => (await import('./views/placement.js')).PlacementView,
  faults: async () => (await import('./views/faults.js')).FaultsView,
  sessions: async () => (await import('./views/sessions.js')).SessionsView,
  atlas: async () => (await import('./views/atlas.js')).AtlasView,
};

const main = document.getElementById('main');
const intake = document.getElementById('intake');
let current = null;

async function show({ view, state }) {
  const name = VIEWS[view] ? view : 'space';
  for (const link of document.querySelectorAll('[data-view]')) {
    if (link.dataset.view === name) {
      link.setAttribute('aria-current', 'page');
      if (current?.name !== name) document.title = `${link.textContent} · iovad`;
    } else link.removeAttribute('aria-current');
  }
  if (current?.name === name) return current.view.update(state);
  current?.view.stop?.();
  // A refusal belongs to the view in which a file was brought; what is being read stays.
  if (intake.querySelector('.problem')) replace(intake);
  const started = (current = { name, view: { update() {}, stop() {} } });
  try {
    const View = await loaded(VIEWS[name]);
    if (current !== started) return undefined;
    replace(main);
    main.className = `view-${name}`;
    current.view = new View(main, take);
    // As the address is now: it may have changed while the module was loaded.
    await current.view.update(route.read().state);
    if (current !== started) return undefined;
    document.documentElement.dataset.ready = name;
    performance.mark('iovad-usable');
  } catch (problem) {
    if (current !== started) return undefined;
    current = null;
    replace(main, h('div', { class: 'content' }, problemPanel(problem, ['Try again', () => show(route.read())])));
  }
  return undefined;
}

/** A view's module; that the server is away is no mistake of the page. */
async function loaded(load) {
  try {
    return await load();
  } catch (error) {
    if (error instanceof TypeError) throw Problem.unreachable('GET /js/');
    throw error;
  }
}

/** Files from anywhere on the page: to the view that they are for. */
async function take(files) {
  if (!files.length) return;
  replace(intake);
  if ((await recognise(files)) === 'log') {
    if (route.read().view !== 'faults') {
      const { platform, device } = route.read().state;
      history.pushState(null, '', route.link('faults', { platform, device }));
      await show(route.read());
    }
    await current?.view.takeLog?.(await files[0].text(), files[0].name);
    return;
  }
  replace(intake, h('p', { class: 'muted' }, `Reading ${files.map((file) => file.name).join(', ')} …`));
  await store(platformID(current?.view.uploadName?.() || files[0].name), files);
}

async function store(id, files, options) {
  let platform;
  try {
    platform = await upload(id, files, options);
  } catch (problem) {
    replace(intake, refused(problem, id, files));
    return;
  }
  replace(intake);
  announce(`${platform.id}: ${platform.devices} devices, ${platform.findings.length} findings.`);
  if (current?.view.takePlatform) await current.view.takePlatform(platform);
  else route.go('space', { platform: platform.id });
}

/** A refusal with what can be done: replace, or store under another name. */
function refused(problem, id, files) {
  const name = h('input', { type: 'text', id: 'upload-name', value: freeID(id, [id]), required: true, spellcheck: 'false' });
  const isTaken = ['platform-exists', 'platform-in-use'].includes(problem.code);
  const actions = problem.code === 'platform-exists' ? [['Replace it', () => store(id, files, { replaces: true })]] : [];
  const form = h('form', { class: 'inline', onsubmit: (event) => {
    event.preventDefault();
    store(name.value, files);
  } }, h('label', { for: 'upload-name' }, 'Store it as'), name, h('button', { type: 'submit', class: 'button' }, 'Keep both'));
  return h('div', { class: 'stack' }, problemPanel(problem, ...actions, ['Close', () => replace(intake)]), isTaken ? form : null);
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
listenForDrops(take);
route.onChange(show);
await show(route.read());
