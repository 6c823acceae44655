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
  agreements: async () => (await import('./views/agreements.js')).AgreementsView,
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
  // What is said of a file belongs to the view in which it was brought; what is being read stays.
  if (intake.querySelector('.problem, .told')) replace(intake);
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

/**
 * Files from anywhere on the page: to the view that they are for. `wants` is what the place where they were chosen is
 * for, a 'machine' or a 'log'; what is dropped may be either.
 */
async function take(files, wants) {
  if (!files.length) return;
  replace(intake);
  const names = files.map((file) => file.name).join(', ');
  const { kind, what, view, isText } = await recognise(files);
  if (kind === 'document') {
    tell(`${names} is ${what}. It describes no machine and is no log, so nothing was stored.`, ...(view ? [[`Go to ${tabName(view)}`, () => route.go(view, {})]] : []));
    return;
  }
  if (kind === 'log' ? wants !== 'machine' : isText && wants === 'log') {
    await explain(files[0]);
    return;
  }
  replace(intake, h('p', { class: 'muted' }, `Reading ${names} …`));
  await store(platformID(current?.view.uploadName?.() || files[0].name), files, { isLog: kind === 'log' });
}

/** A sentence about what was brought, with what can be done, until it is closed. */
function tell(sentence, ...actions) {
  const close = ['Close', () => replace(intake)];
  replace(intake, h('div', { class: 'notice told', role: 'status' }, h('p', null, sentence),
    h('div', { class: 'inline' }, [...actions, close].map(([label, action]) => h('button', { type: 'button', class: 'button small', onclick: () => {
      replace(intake);
      action();
    } }, label)))));
}

const tabName = (view) => document.querySelector(`[data-view=${view}]`).textContent;

/** A log, in the view for logs, of the machine that is open; the view says which that is. */
async function explain(file) {
  const { view, state: { platform, device } } = route.read();
  const isElsewhere = view !== 'faults';
  if (isElsewhere) {
    history.pushState(null, '', route.link('faults', { platform, device }));
    await show(route.read());
  }
  await current?.view.takeLog?.(await file.text(), { file, taken: isElsewhere ? platform : undefined });
}

/** Stores files as a machine; `isLog`: they are a log, of which the server has to say whether it describes one. */
async function store(id, files, { isLog, ...options } = {}) {
  let platform;
  try {
    platform = await upload(id, files, options);
  } catch (problem) {
    // The server calls the one part of a request its body.
    problem.detail = problem.detail?.replaceAll('"body"', `"${files[0].name}"`);
    if (isLog && problem.code === 'unreadable-input') tell(`${files[0].name} is a log that describes no machine. A whole boot log does; what this one reports is explained under Faults.`, ['Explain it', () => explain(files[0])]);
    else replace(intake, refused(problem, id, files));
    return;
  }
  replace(intake);
  if (isLog) tell(`${files[0].name} was read as the boot log of a machine, ${platform.id}. What it reports of faults is explained under Faults.`, ['Explain it', () => explain(files[0])]);
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
