// One agreement, followed live.

import { all, ask, segment } from '../api.js';
import { announce, copyButton, debounce, field, h, hexText, keepFocus, replace, select } from '../dom.js';
import { EventLog } from '../event-log.js';
import { ConnectionPill, Live } from '../live.js';
import { facts, ownKernel, panel, pill, rangeLine, scrolledTable } from '../parts.js';
import { problemPanel } from '../problems.js';
import { Renderings } from '../renderings.js';
import { link } from '../route.js';
import { banner } from '../verdicts.js';

const ENDED = { code: 'not-found', title: 'The agreement has ended', detail: 'It was removed, or its time is over.' };
const TONES = { proposed: 'warn', accepted: 'good', released: 'plain' };
const EXTENSION_SECONDS = 86400;

/** Whether somebody relies on a promise that is not kept; what was released promises nothing. */
export const isBroken = ({ broken, state }) => Boolean(broken) && state !== 'released';

export const statePill = ({ state }) => pill(state, TONES[state] ?? 'plain');

export class AgreementPanel {
  /** `on`: isShown(), attempt(action) runs an action of the user, changed(), removed(). */
  constructor(agreement, on) {
    this.id = agreement.id;
    this.path = `/v1/agreements/${segment(agreement.id)}`;
    this.on = on;
    this.refreshSoon = debounce(60, () => this.refresh());
    this.connection = new ConnectionPill();
    this.head = h('div', { class: 'stack' });
    this.gone = h('div');
    this.hosts = h('div');
    this.check = h('div', { class: 'answer', 'aria-live': 'polite' });
    this.texts = new Renderings((format) => ask('GET', this.path, { query: { format }, accept: '*/*', isFresh: true }));
    this.noTexts = h('p', { class: 'muted' }, 'Nothing has to be pasted anywhere.');
    this.log = new EventLog();
    this.element = h('div', { class: 'content' },
      panel(null, { 'aria-label': 'Agreement' }, this.gone, this.head),
      panel('Hosts', null, h('div', { class: 'stack' }, this.hosts, this.check, this.hostForm())),
      panel('To paste', { class: 'texts' }, this.noTexts, this.texts.element),
      panel('Events', { class: 'events' }, this.log.element));
    this.draw(agreement);
  }

  start() {
    this.live = new Live(this.path, ENDED, {
      state: (word) => this.showState(word),
      event: (event) => {
        this.log.add(event);
        if (event.name !== 'bye') this.refreshSoon();
      },
      changed: () => this.refreshSoon(),
      gone: (problem) => this.showGone(problem),
      lost: (problem) => this.showGone(problem),
    });
    this.live.start(this.agreement, this.log);
    this.offerHosts();
  }

  /** Whether it still follows its agreement. */
  get isLive() {
    return Boolean(this.live);
  }

  /** Whether it is the same agreement, not another one that was made under its id. */
  isOf({ id, created_at: made }) {
    return id === this.id && made === this.agreement.created_at;
  }

  stop() {
    this.live?.stop();
    this.live = null;
  }

  showGone(problem) {
    if (!this.isLive) return;
    this.stop();
    this.connection.show('ended');
    replace(this.gone, problemPanel(problem, ['Back to the list', () => this.on.removed()]));
    this.on.changed();
  }

  showState(word) {
    if (this.connection.show(word) && word !== 'reconnecting') this.refreshSoon();
  }

  async refresh() {
    if (!this.isLive) return;
    try {
      const agreement = await ask('GET', this.path, { isFresh: true });
      if (!this.isLive) return;
      if (!this.isOf(agreement)) {
        this.showGone(ENDED);
        return;
      }
      this.draw(agreement);
      this.on.changed();
    } catch (problem) {
      if (problem.status === 404) this.showGone(ENDED);
    }
  }

  draw(agreement) {
    // Answers may overtake each other; and a control that somebody is about to use stays where nothing has changed.
    if (this.agreement && agreement.revision <= this.agreement.revision) return;
    this.agreement = agreement;
    keepFocus(this.head, () => replace(this.head, this.verdict(agreement), this.bar(agreement), this.facts(agreement)));
    keepFocus(this.hosts, () => replace(this.hosts, this.hostTable(agreement)));
    this.texts.show(agreement.renderings);
    this.noTexts.hidden = agreement.renderings.length > 0;
    this.form.hidden = agreement.state === 'released';
  }

  verdict({ broken, state, window, remedies }) {
    const where = window ? h('p', null, rangeLine(window)) : h('p', null, 'No window is used.');
    if (state === 'released') return banner('plain', 'Released: nobody promises anything any more', { 'data-verdict': 'released' }, where);
    if (!broken) return banner('good', state === 'accepted' ? 'The promise holds' : 'Proposed: every host can promise it', { 'data-verdict': 'holds' }, where);
    return banner('bad', broken.host ? `${broken.host} does not keep the promise` : 'Nobody keeps the promise', { 'data-verdict': 'broken' }, where,
      h('p', null, 'Since ', h('time', { datetime: broken.since }, new Date(broken.since).toLocaleString()), '.'),
      h('ul', { class: 'plain' }, broken.blockers.map(blockerLine)),
      remedies.length ? [h('h3', { class: 'sub' }, 'What would help'), h('ul', { class: 'plain' }, remedies.map((remedy) => h('li', { 'data-remedy': remedy.kind }, remedy.detail)))] : null);
  }

  bar({ state, broken, revision, expires_at: end }) {
    const button = (name, label, action, isOff) => h('button', { type: 'button', class: 'button small', 'data-action': name, disabled: isOff, onclick: action }, label);
    const move = (next, said) => () => this.change({ state: next }, said);
    return h('div', { class: 'session-head' },
      h('h2', null, this.id, copyButton(this.id, 'the id of the agreement')), statePill({ state }), isBroken({ broken, state }) ? pill('broken', 'bad') : null, this.connection.element,
      h('span', null, 'revision ', h('code', { class: 'revision' }, revision)), h('span', null, 'until ', h('time', { datetime: end }, new Date(end).toLocaleString())),
      h('span', { class: 'grow' }),
      h('div', { class: 'inline' },
        state === 'proposed' ? button('accept', 'Accept', move('accepted', 'The agreement was accepted.'), Boolean(broken)) : null,
        state === 'accepted' ? button('release', 'Release', move('released', 'The agreement was released.')) : null,
        button('extend', 'Extend', () => this.change({ ttl_seconds: EXTENSION_SECONDS }, 'The agreement was extended by a day.')),
        button('remove', 'Delete', () => this.on.attempt(async () => {
          await ask('DELETE', this.path);
          this.stop();
          return this.on.removed();
        }))));
  }

  change(json, said) {
    return this.on.attempt(async () => {
      this.draw(await ask('PATCH', this.path, { json, headers: { 'If-Match': `"${this.agreement.revision}"` } }));
      this.tell(said);
      this.on.changed();
    });
  }

  /** What an action has done, for people who do not see it; nothing once another view has taken this one's place. */
  tell(sentence) {
    if (this.on.isShown()) announce(sentence);
  }

  facts({ mechanism, doorbell_iovas: doorbells, doorbell_iovas_because: differ, pool, owner }) {
    return facts(
      ['How', h('span', { 'data-mechanism': mechanism.kind }, mechanism.because)],
      ['Doorbells', doorbells?.length ? doorbells.map(hexText) : differ],
      ['Pool', pool], ['Owner', owner]);
  }

  hostTable({ hosts, state, doorbell_iovas_because: differ }) {
    // The only host stays, and one of a pool until its label changes.
    const canLeave = (host) => state !== 'released' && hosts.length > 1 && !host.of_pool;
    return scrolledTable('Hosts', { caption: 'Who promises', columns: ['Host', 'Platform', 'Keeps the promise', 'Verdict', 'Kernel', ...(differ ? ['Doorbells'] : []), 'Content', 'Change'] },
      hosts.map((host) => h('tr', { 'data-host': host.name },
        h('th', { scope: 'row' }, host.name),
        h('td', null, host.platform ? h('a', { href: link('space', { platform: host.platform }) }, host.platform) : '–'),
        h('td', null, host.keeps ? pill('yes', 'good') : pill('no', 'bad')),
        h('td', null, host.verdict?.replaceAll('_', ' ') ?? '–'),
        h('td', null, ownKernel(host) || '–'),
        differ ? h('td', null, host.doorbell_iovas.map((doorbell) => [h('code', null, doorbell), ' '])) : null,
        h('td', null, h('code', null, host.digest?.replaceAll('"', '').slice(0, 12) ?? '–')),
        h('td', null, canLeave(host) ? h('button', { type: 'button', class: 'button small', 'data-action': 'leave', 'aria-label': `Take ${host.name} out`, onclick: () => this.removeHost(host.name) }, 'Take out') : '–'))));
  }

  /** The host leaves, as one that the VM has left. */
  removeHost(name) {
    return this.on.attempt(async () => {
      await ask('DELETE', `${this.path}/hosts/${segment(name)}`, { headers: { 'If-Match': `"${this.agreement.revision}"` } });
      await this.refresh();
      this.tell(`${name} was taken out.`);
    });
  }

  hostForm() {
    this.hostFields = h('div', { class: 'inline' });
    this.form = h('form', { class: 'stack', onsubmit: (event) => event.preventDefault() }, this.hostFields);
    return this.form;
  }

  /** Asks of another machine whether it would keep the promise, as before a migration; and adds it. */
  offerHosts() {
    return this.on.attempt(async () => {
      const { items } = await all('/v1/platforms', {}, 2000);
      const platform = select(items.filter((item) => item.devices > 0).map((item) => [item.id, item.id]), items[0]?.id);
      const asked = (below) => ask('POST', `${this.path}/${below}`, { json: { host: { name: platform.value, platform: platform.value } } });
      replace(this.hostFields, field('Another host', platform),
        h('button', { type: 'submit', class: 'button', 'data-action': 'check', onclick: () => this.on.attempt(async () => this.showCheck(await asked('checks'))) }, 'Would it keep the promise?'),
        h('button', { type: 'button', class: 'button', 'data-action': 'add', onclick: () => this.on.attempt(async () => {
          this.draw(await asked('hosts'));
          replace(this.check);
          this.tell('The host was added.');
        }) }, 'Add it'));
    });
  }

  showCheck({ host, keeps, blockers, remedies }) {
    replace(this.check, h('div', { class: keeps ? 'done' : 'notice', 'data-keeps': String(keeps) },
      h('p', null, `${host} ${keeps ? 'would keep' : 'would not keep'} the promise.`),
      h('ul', { class: 'plain' }, blockers.map(blockerLine), remedies.map((remedy) => h('li', null, remedy.detail)))));
  }
}

const blockerLine = (blocker) => h('li', null, pill(blocker.host ?? blocker.vm ?? 'guest'), ' ', blocker.range ? rangeLine(blocker.range) : null, ' ', blocker.provenance ?? '', ' ', h('code', { class: 'muted' }, blocker.kind));
