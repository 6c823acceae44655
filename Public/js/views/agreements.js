// Agreements: the list, and one of them, followed live: whether its hosts keep the promise, who broke it and when, what
// to paste into the VMM.

import { all, ask, segment } from '../api.js';
import { announce, debounce, h, replace } from '../dom.js';
import { panel, pill } from '../parts.js';
import { problemPanel } from '../problems.js';
import * as route from '../route.js';
import { Shown } from '../shown.js';
import { AgreementPanel, isBroken, statePill } from './agreement.js';

/** How many the list shows. */
const LISTED_MAX = 1000;

export class AgreementsView {
  constructor(root) {
    this.list = h('ul', { class: 'devices' });
    this.count = h('p', { class: 'muted' });
    this.message = h('div', { 'aria-live': 'polite' });
    this.main = h('div', { class: 'content' });
    this.relist = debounce(200, () => this.drawLists());
    this.shown = new Shown({
      answers: [this.main], clear: () => this.clear(), retry: () => this.update(route.read().state),
      actions: [['Back to the list', () => this.go({ agreement: null })]],
    });
    replace(root, h('div', { class: 'split with-lead' },
      h('div', { class: 'lead' },
        h('h1', null, 'Agreements', h('small', null, 'The window that hosts have promised to a VM, over its life')),
        this.shown.message, this.message),
      h('div', { class: 'side' }, panel('Agreements', null, this.count, this.list)),
      this.main));
  }

  stop() {
    this.shown.stop();
    this.panel?.stop();
  }

  clear() {
    this.panel?.stop();
    this.panel = null;
    replace(this.main);
    replace(this.message);
  }

  go(patch) {
    route.write(patch, { push: true });
    return this.update(route.read().state);
  }

  /** Runs an action of the user; a refusal is shown while what it was done to is. */
  async attempt(action, isShown) {
    try {
      if (isShown()) replace(this.message);
      return await action();
    } catch (problem) {
      if (isShown()) replace(this.message, problemPanel(problem));
      return null;
    }
  }

  async update(state) {
    const { agreement: id } = state;
    const isAnswered = await this.shown.ask(id ?? '', async (signal) => {
      const [{ items }, agreement] = await Promise.all([
        all('/v1/agreements', {}, LISTED_MAX, signal),
        id ? ask('GET', `/v1/agreements/${segment(id)}`, { signal, isFresh: true }) : null,
      ]);
      return { items, agreement };
    }, ({ items, agreement }) => {
      this.drawList(items, id);
      if (!agreement) this.drawNone(items);
      else if (this.panel?.isLive && this.panel.isOf(agreement)) this.panel.draw(agreement);
      else this.open(agreement);
    });
    // In place of an agreement that is not there, others can be chosen.
    if (isAnswered === false) await this.drawLists();
  }

  open(agreement) {
    this.clear();
    // Another one may have been chosen whose answer has not come yet.
    const isShown = () => this.panel === opened && !this.shown.isStopped && route.read().state.agreement === agreement.id;
    const opened = new AgreementPanel(agreement, {
      isShown,
      attempt: (action) => this.attempt(action, isShown),
      changed: () => this.relist(),
      removed: () => {
        if (!isShown()) return this.relist();
        announce('The agreement was removed.');
        this.clear();
        return this.go({ agreement: null });
      },
    });
    this.panel = opened;
    replace(this.main, opened.element);
    opened.start();
  }

  drawNone(items) {
    this.clear();
    replace(this.main, panel(null, null, h('p', { class: 'muted' }, items.length ? 'Open an agreement from the list.' : 'There are no agreements. '),
      h('p', null, h('a', { href: '#/placement' }, 'Find a place for a VM'), ' and propose an agreement there.')));
  }

  async drawLists() {
    if (this.shown.isStopped) return;
    try {
      const { items } = await all('/v1/agreements', {}, LISTED_MAX);
      if (!this.shown.isStopped) this.drawList(items, route.read().state.agreement);
    } catch { /* the next change tries again */ }
  }

  drawList(items, chosen) {
    const broken = items.filter(isBroken).length;
    this.count.textContent = items.length ? `${items.length} in all, ${broken} broken` : '';
    const held = document.activeElement?.dataset?.agreement;
    replace(this.list, items.map((item) => h('li', null, h('button', { type: 'button', class: 'device', 'data-agreement': item.id, 'aria-pressed': String(item.id === chosen), onclick: () => this.go({ agreement: item.id }) },
      h('span', { class: 'device-name' }, item.id), h('span', null, statePill(item), isBroken(item) ? [' ', pill('broken', 'bad')] : null)))));
    if (held) this.list.querySelector(`[data-agreement="${CSS.escape(held)}"]`)?.focus();
  }
}
