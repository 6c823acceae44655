// Sessions: the list of sandboxes, and one of them with its domains, followed live.

import { all, ask, segment } from '../api.js';
import { announce, copyButton, debounce, field, h, replace, select } from '../dom.js';
import { EventLog } from '../event-log.js';
import { ConnectionPill, Live } from '../live.js';
import { problemPanel } from '../problems.js';
import { panel } from '../parts.js';
import { hostConditions, kernelField, kernelName } from '../condition-fields.js';
import * as route from '../route.js';
import { Shown } from '../shown.js';
import { DomainForm } from './domain-form.js';
import { DomainPanel } from './domain.js';

const TTLS = [['900', '15 minutes'], ['3600', '1 hour'], ['86400', '1 day']];
/** Ranges of a session that the page keeps a copy of: about 100 kB. */
const SAVED_RANGES_MAX = 2000;
/** What a page shows when a session that it had open no longer exists. */
const ENDED = { code: 'not-found', title: 'The session has ended', detail: 'It was deleted, or it expired.' };

export class SessionsView {
  constructor(root) {
    this.root = root;
    this.list = h('ul', { class: 'devices' });
    this.message = h('div', { 'aria-live': 'polite' });
    this.main = h('div', { class: 'content' });
    this.log = new EventLog();
    this.refreshSoon = debounce(60, () => this.refresh());
    this.shown = new Shown({
      answers: [this.main], clear: () => this.clear(), retry: () => this.update(route.read().state),
      actions: [['Back to the list', () => this.go({ session: null, domain: null })]],
    });
    replace(root, h('div', { class: 'split with-lead' },
      h('div', { class: 'lead' },
        h('h1', null, 'Sessions', h('small', null, 'Sandboxes in memory: build IOVA domains and watch what Linux would do')),
        this.shown.message, this.message),
      h('div', { class: 'side' }, panel('Sessions', null, this.createForm(), this.list)),
      this.main));
  }

  createForm() {
    const kernel = kernelField();
    const ttl = select(TTLS, '900');
    return h('form', { class: 'stack', onsubmit: async (event) => {
      event.preventDefault();
      await this.attempt(async () => {
        const session = await ask('POST', '/v1/sessions', { json: { ...hostConditions({ kernel: kernel.querySelector('input').value }), ttl_seconds: Number(ttl.value) } });
        announce(`Session ${session.id} was created.`);
        this.go({ session: session.id, domain: null });
      });
    } }, kernel, field('Lifetime', ttl), h('button', { type: 'submit', class: 'button primary', id: 'create-session' }, 'Create a session'));
  }

  stop() {
    this.shown.stop();
    this.close();
  }

  /** What follows a session by itself. */
  unfollow() {
    this.live?.stop();
    delete this.root.dataset.saved;
    clearTimeout(this.saving);
    clearInterval(this.clock);
  }

  clear() {
    this.close();
    replace(this.main);
    replace(this.message);
  }

  go(patch) {
    route.write(patch, { push: true });
    return this.update(route.read().state);
  }

  /** Runs an action of the user; a refusal is shown and the view brought up to date. */
  async attempt(action) {
    try {
      replace(this.message);
      return await action();
    } catch (problem) {
      replace(this.message, problemPanel(problem));
      this.refreshSoon();
      return null;
    }
  }

  async update(state) {
    const isOpen = () => state.session && this.session?.id === state.session;
    const isAnswered = await this.shown.ask(state.session ?? '', async (signal) => {
      const [{ items }, session] = await Promise.all([
        all('/v1/sessions', {}, 100, signal),
        !state.session || isOpen() ? null : ask('GET', `/v1/sessions/${segment(state.session)}`, { signal }),
      ]);
      return { items, session };
    }, ({ items, session }) => {
      this.drawList(items, state.session);
      if (session) this.opening = this.openSession(session, state);
      else if (!state.session) this.drawNone();
    });
    if (isAnswered && state.session) await (this.opening ?? this.refresh());
    this.opening = null;
  }

  drawNone() {
    this.close();
    replace(this.main, panel(null, null, h('p', { class: 'muted' }, 'Create a session, or open one from the list. Its state is in the server’s memory until the session expires.')));
  }

  drawList(items, chosen) {
    replace(this.list, items.map((session) => h('li', null, h('button', { type: 'button', class: 'device', 'aria-pressed': String(session.id === chosen), onclick: () => this.go({ session: session.id, domain: null }) },
      h('span', { class: 'device-name' }, session.id), h('span', { class: 'muted' }, kernelName(session.kernel))))));
  }

  close() {
    this.unfollow();
    this.session = null;
    this.live = null;
  }

  async openSession(session, state) {
    this.close();
    this.saved = null;
    this.session = session;
    this.path = `/v1/sessions/${segment(session.id)}`;
    this.log.clear();
    this.build();
    const { id } = session;
    const isCurrent = () => this.session?.id === id;
    this.live = new Live(this.path, ENDED, {
      state: (word) => isCurrent() && this.showState(word),
      event: (event) => isCurrent() && this.take(event),
      changed: () => isCurrent() && this.refreshSoon(),
      gone: (problem) => isCurrent() && this.showGone(problem),
      lost: (problem) => isCurrent() && this.recover(problem),
    }, state.live === 'poll');
    await this.refresh();
    if (isCurrent()) await this.live?.start(this.session, this.log);
  }

  build() {
    this.connection = new ConnectionPill();
    this.revision = h('code', { class: 'revision' });
    this.expiry = h('span');
    this.tabs = h('div', { class: 'domain-tabs', role: 'group', 'aria-label': 'Domains' });
    this.domain = new DomainPanel(this);
    this.newDomain = new DomainForm(this);
    this.gone = h('div');
    replace(this.main,
      panel(null, { 'aria-label': 'Session' },
        h('div', { class: 'session-head' },
          h('h2', null, this.session.id, copyButton(this.session.id, 'the id of the session')),
          this.connection.element, h('span', null, 'revision ', this.revision), this.expiry,
          h('span', { class: 'grow' }),
          h('div', { class: 'inline' },
            h('button', { type: 'button', class: 'button small', onclick: () => this.extend() }, 'Extend'),
            h('button', { type: 'button', class: 'button small', onclick: () => this.remove() }, 'Delete'))),
        this.gone, this.tabs),
      this.newDomain.element, this.domain.element, panel('Events', { class: 'events' }, this.log.element));
    clearInterval(this.clock);
    this.clock = setInterval(() => this.showExpiry(), 1000);
  }

  extend() {
    return this.attempt(async () => {
      this.session = await ask('PATCH', this.path, { json: { ttl_seconds: 3600 } });
      this.showExpiry();
      announce('The session was extended by an hour.');
    });
  }

  remove() {
    return this.attempt(async () => {
      await ask('DELETE', this.path);
      this.close();
      await this.go({ session: null, domain: null });
    });
  }

  /** Everything on the screen, again. */
  async refresh() {
    if (!this.session) return;
    const path = this.path;
    try {
      const [session, domains] = await Promise.all([ask('GET', path), all(`${path}/domains`, {}, 100)]);
      if (path !== this.path || !this.session) return;
      this.session = session;
      this.revision.textContent = session.revision;
      this.showExpiry();
      const wanted = route.read().state.domain;
      const chosen = domains.items.find((domain) => domain.id === wanted) ?? domains.items[0];
      this.drawTabs(domains.items, chosen);
      await this.domain.load(chosen ? `${path}/domains/${segment(chosen.id)}` : null, chosen);
      this.saveState(domains.items);
    } catch (problem) {
      if (problem.status === 404) {
        if (!this.live?.wasLost) this.showGone(problem.code === 'not-found' ? ENDED : problem);
      } else if (problem.code !== 'unreachable') replace(this.message, problemPanel(problem));
    }
  }

  drawTabs(domains, chosen) {
    const held = document.activeElement?.dataset?.domain;
    replace(this.tabs,
      domains.map((domain) => h('button', { type: 'button', class: 'button small', 'aria-pressed': String(domain.id === chosen?.id), 'data-domain': domain.id, onclick: () => this.go({ domain: domain.id }) }, domain.id)));
    if (held) this.tabs.querySelector(`[data-domain="${CSS.escape(held)}"]`)?.focus();
    this.newDomain.show(domains.length === 0);
  }

  take(event) {
    this.log.add(event);
    if (event.name === 'expired') this.showGone({ code: 'session-expired', title: 'The session has expired', detail: 'Its lifetime has ended, and nothing of it is kept.' });
    else if (event.name !== 'bye') this.refreshSoon();
  }

  showState(word) {
    if (!this.connection.show(word)) return;
    if (word === 'reconnecting') this.revision.textContent = '…';
    else this.refreshSoon();
  }

  showExpiry() {
    const at = this.session?.expires_at && Date.parse(this.session.expires_at);
    if (!at) return;
    const seconds = Math.max(0, Math.round((at - Date.now()) / 1000));
    this.expiry.textContent = seconds > 5400 ? `ends in ${Math.round(seconds / 3600)} h` : seconds > 90 ? `ends in ${Math.round(seconds / 60)} min` : `ends in ${seconds} s`;
  }

  /**
   * Keeps what an import needs, so that a restart of the server costs nothing but a click. A large session is
   * not fetched after every change, and an older copy of it is not kept: it would bring back freed ranges.
   */
  saveState(domains) {
    clearTimeout(this.saving);
    if (domains.reduce((sum, domain) => sum + domain.held, 0) > SAVED_RANGES_MAX) {
      this.saving = null;
      this.saved = null;
      delete this.root.dataset.saved;
      return;
    }
    const saving = this.saving = setTimeout(async () => {
      try {
        const state = await this.exportState();
        if (saving !== this.saving) return;
        this.saved = state;
        this.root.dataset.saved = state.id;
      } catch { /* the next change tries again */ }
    }, 400);
  }

  exportState() {
    return ask('GET', `${this.path}/state`);
  }

  showGone(problem) {
    this.live?.stop();
    this.connection.show('ended');
    const { saved } = this;
    const actions = [['Back to the list', () => {
      this.close();
      this.go({ session: null, domain: null });
    }]];
    if (saved) actions.unshift(['Restore it from this page', () => this.attempt(() => this.restore(saved))]);
    replace(this.gone, problemPanel(problem, ...actions));
  }

  /** The server was restarted, and a session lives in its memory only: what this page saw of it is brought in again. */
  async recover(problem) {
    const { saved } = this;
    if (!saved) return this.showGone(problem);
    try {
      await this.restore(saved);
      replace(this.message, h('p', { class: 'notice', 'data-recovered': '' }, 'The server was restarted; this page restored the session as it last saw it.'));
      announce('The server was restarted; the session is restored.');
    } catch (failure) {
      this.showGone(failure);
    }
    return undefined;
  }

  async restore(saved) {
    try {
      await ask('POST', '/v1/sessions', { json: saved });
    } catch (problem) {
      // Another page was faster.
      if (problem.code !== 'session-exists') throw problem;
    }
    this.close();
    await this.go({ session: saved.id });
  }
}
