// Faults: a log that somebody pastes or drops, its lines marked, and what they mean in the words of the endpoint that
// explains such lines. The page reads nothing of a log itself; it only guesses which endpoint to ask first.

import { all, ask, segment } from '../api.js';
import { hostQuery, kernelField, pageField, showConditions } from '../condition-fields.js';
import { field, h, replace, select } from '../dom.js';
import { FAULTS, MAPS, TRACES, likely, namedEndpoint } from '../log-marks.js';
import { findingsList, hostFacts, panel, warningsList } from '../parts.js';
import { problemPanel } from '../problems.js';
import * as route from '../route.js';
import { Shown } from '../shown.js';
import { banner } from '../verdicts.js';
import { deviceNames } from './devices.js';
import { faultItem, mapItem, otherLines, summaryOf, toneOf, traceDomain } from './fault-answers.js';
import { logLines } from './log-lines.js';

/** By endpoint: how an answer is shown, and what its items are called. */
const ENDPOINTS = {
  [FAULTS]: { title: 'SMMU faults', item: faultItem, one: 'fault' },
  [MAPS]: { title: 'Failed maps', item: mapItem, one: 'failed map' },
  [TRACES]: { title: 'Domains of the trace', item: traceDomain, one: 'domain' },
};

const itemsOf = (answer) => answer.items ?? answer.domains;
const EXAMPLE = '[   12.482113] arm-smmu 64000000.iommu: Unhandled context fault: fsr=0x402, iova=0x08000040, fsynr=0x2f0013, cbfrsynra=0x102, cb=15\n';

export class FaultsView {
  constructor(root, take) {
    this.query = { platform: '', device: '' };
    this.text = h('textarea', { id: 'log', rows: 9, spellcheck: 'false', autocomplete: 'off', autocapitalize: 'off', placeholder: EXAMPLE.trim(), oninput: () => this.shown.outdate('The log was changed since: explain it again.'), onkeydown: (event) => {
      if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) this.form.requestSubmit();
    } });
    this.platform = h('div');
    this.device = h('div');
    this.machine = h('div', { class: 'log-machine', role: 'status' });
    this.take = take;
    const file = h('input', { type: 'file', id: 'log-file', class: 'unseen', onchange: () => {
      take([...file.files], 'log');
      file.value = '';
    } });
    this.form = h('form', { class: 'stack', onsubmit: (event) => {
      event.preventDefault();
      this.explain();
    } },
    field('Log', this.text, 'Faults of an SMMU, messages of a VMM or the kernel about a failed map, or a trace of iommu:map. Quotes, prompts and stamps may stay. It is sent to this server only.'),
    h('div', { class: 'conditions' }, this.platform, this.device,
      kernelField(null, (kernel) => this.go({ kernel })), pageField('Pages', null, (page) => this.go({ page }))),
    this.machine,
    h('div', { class: 'inline' }, h('button', { type: 'submit', class: 'button primary' }, 'Explain'),
      file, h('label', { for: 'log-file', class: 'button file' }, 'Choose a file'),
      h('button', { type: 'button', class: 'button', id: 'log-example', onclick: () => this.takeLog(EXAMPLE) }, 'Try an example'),
      h('span', { class: 'muted' }, 'or drop one anywhere on the page')));
    this.answer = h('div', { class: 'content', id: 'log-answer' });
    this.shown = new Shown({ answers: [this.answer], clear: () => replace(this.answer), retry: () => this.explain() });
    replace(root, h('div', { class: 'content' },
      h('h1', null, 'Faults', h('small', null, 'What the kernel or a VMM printed, what it means, and what to change')),
      panel(null, { 'aria-label': 'The log' }, this.form),
      this.shown.message, this.answer));
  }

  stop() {
    this.shown.stop();
  }

  async update(state) {
    showConditions(this.form, state);
    const turn = (this.turn = {});
    const isCurrent = () => turn === this.turn && !this.shown.isStopped;
    try {
      await this.drawMachine(state, isCurrent);
    } catch (problem) {
      if (!isCurrent()) return;
      this.shown.forget();
      replace(this.shown.message, problemPanel(problem, ['Try again', () => this.update(route.read().state)]));
      return;
    }
    if (!isCurrent()) return;
    // The answer belongs to the machine and the kernel that are chosen.
    if (this.shown.asked && this.shown.state !== 'nothing') await this.explain();
  }

  /** Everything is fetched first: of two choices the later one counts, whichever list comes last. */
  async drawMachine(state, isCurrent) {
    const { items } = await all('/v1/platforms', {}, 2000);
    const chosen = items.some(({ id }) => id === state.platform) ? state.platform : '';
    const devices = chosen ? deviceNames((await all(`/v1/platforms/${segment(chosen)}/devices`, {}, 5000)).items) : [];
    if (!isCurrent()) return;
    replace(this.platform, field('Machine', select(
      [['', state.platform && !chosen ? `${state.platform} is not here` : 'not known'], ...items.map(({ id }) => [id, id])], chosen,
      (platform) => {
        this.taken = null;
        this.go({ platform, device: null });
      })));
    this.query = { platform: chosen, device: devices.some(({ name }) => name === state.device) ? state.device : '' };
    replace(this.device, chosen ? field('Device', select(
      [['', 'as the log says'], ...devices.map(({ name }) => [name, name])], this.query.device,
      (device) => this.go({ device }))) : null);
    this.drawTaken();
  }

  go(patch) {
    if (this.shown.isStopped) return undefined;
    route.write(patch);
    return this.update(route.read().state);
  }

  /** A machine that was dropped is the one of the log. */
  takePlatform({ id }) {
    this.taken = { id, because: 'the file that you brought describes it' };
    return this.go({ platform: id, device: null });
  }

  /** `file` is where the text is from, `taken` the machine that was open when it came. */
  takeLog(text, { file, taken } = {}) {
    this.text.value = text;
    if (taken) this.taken = { id: taken, because: 'it was open when the log came' };
    this.drawTaken();
    // The server may make a machine of a boot log.
    this.shown.actions = file ? [['Read it as a machine', () => this.take([file], 'machine')]] : [];
    return this.explain();
  }

  /** Which machine the log is taken to be of, where nobody chose it here, and a way to take it away. */
  drawTaken() {
    const { platform } = this.query;
    replace(this.machine, platform && platform === this.taken?.id ? h('p', { class: 'notice' },
      'The log is taken to be of ', h('strong', null, platform), `: ${this.taken.because}. `,
      h('button', { type: 'button', class: 'button small', onclick: () => {
        this.taken = null;
        this.go({ platform: null, device: null });
      } }, 'It is not of this machine')) : null);
  }

  explain() {
    const text = this.text.value;
    if (!text.trim()) {
      this.shown.forget();
      replace(this.shown.message, h('p', { class: 'notice', role: 'alert' }, 'Paste a log first.'));
      this.text.focus();
      return undefined;
    }
    return this.shown.ask(JSON.stringify([text, this.query, hostQuery(route.read().state)]), (signal) => this.fetch(text, signal), (found) => this.draw(text, found));
  }

  /** What the likely endpoints say; where all refuse, what the one says that a refusal names. */
  async fetch(text, signal) {
    const first = await Promise.all(likely(text).map((path) => this.one(path, text, signal)));
    if (first.some(({ answer }) => answer)) return first;
    const other = first.map(({ problem }) => namedEndpoint(problem)).find((path) => path && !first.some((one) => one.path === path));
    const found = other ? [await this.one(other, text, signal)] : first;
    if (found.every(({ problem }) => problem)) throw found[0].problem;
    return found;
  }

  async one(path, text, signal) {
    const { platform, device } = this.query;
    try {
      const query = { platform, device: path === FAULTS ? '' : device, ...hostQuery(route.read().state) };
      return { path, answer: await ask('POST', path, { query, body: text, type: 'text/plain', signal }) };
    } catch (problem) {
      if (![400, 422].includes(problem.status)) throw problem;
      return { path, problem };
    }
  }

  draw(text, found) {
    const answers = found.filter(({ answer }) => answer);
    // That a text has no lines for one endpoint is no news where another one answers.
    const problems = found.map(({ problem }) => problem).filter((problem) => problem && problem.code !== 'unreadable-input');
    const marks = [];
    const panels = answers.map((one) => this.panelOf(one, marks));
    const counts = answers.map(({ path, answer }) => this.count(path, answer)).join(', ');
    const [first] = answers.flatMap(({ path, answer }) => itemsOf(answer).map((item) => summaryOf(path, item))).sort((a, b) => RANK.indexOf(a.tone) - RANK.indexOf(b.tone));
    replace(this.answer,
      first ? banner(first.tone, first.title, { id: 'log-verdict' }, h('p', { class: 'verdict-because' }, first.because), h('p', { class: 'verdict-policy' }, `${counts}. `, this.query.platform ? ['On the machine ', h('code', null, this.query.platform), '.'] : 'Name the machine above to learn what is at this address there.')) : null,
      marks.length ? panel('Lines', null, logLines(text, marks)) : null,
      panels, problems.map((problem) => problemPanel(problem)));
    this.shown.say(`${counts}. ${first?.title ?? ''}`);
  }

  count(path, answer) {
    const { length } = itemsOf(answer);
    return `${length} ${ENDPOINTS[path].one}${length === 1 ? '' : 's'}`;
  }

  /** `marks` gets the lines that the items speak of. */
  panelOf({ path, answer }, marks) {
    const { title, item } = ENDPOINTS[path];
    const findings = answer.findings ?? [];
    const items = itemsOf(answer).map((one) => {
      const element = item(one, this.query.platform);
      element.tabIndex = -1;
      if (one.line) marks.push({ line: one.line, last: one.last_line ?? one.line, tone: toneOf(one), target: element });
      return element;
    });
    return panel(`${title} (${items.length})`, { class: 'stack', 'data-endpoint': path },
      h('ol', { class: 'stack' }, items.map((element) => h('li', null, element))),
      otherLines(answer.other_lines),
      warningsList(answer.warnings), hostFacts(answer.host_facts),
      h('p', { class: 'muted' }, `Lines read: ${answer.lines_read}; of other matters: ${answer.lines_ignored ?? 0}.`),
      findings.length ? [h('h3', null, 'What was skipped'), findingsList(findings)] : null);
  }
}

/** The worst first: it is the verdict that stands above all. */
const RANK = ['bad', 'warn', 'plain', 'good'];
