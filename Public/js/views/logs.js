// A log that somebody pastes: what it says is asked of the endpoint that explains such lines, and shown in that
// endpoint's own words. The page reads nothing of a log itself; it only guesses which endpoint to ask first.

import { all, ask, segment } from '../api.js';
import { hostQuery, kernelField, pageField, showConditions } from '../condition-fields.js';
import { announce, field, h, replace, select } from '../dom.js';
import { busy, findingsList, hostFacts, panel, warningsList } from '../parts.js';
import { problemPanel } from '../problems.js';
import * as route from '../route.js';
import { deviceNames } from './devices.js';
import { faultItem, mapItem, otherLines, traceDomain } from './log-answers.js';

const FAULTS = '/v1/fault-explanations';
const MAPS = '/v1/map-failures';
const TRACES = '/v1/replays';

/** By endpoint: words that such texts have, how an answer is shown, and what its items are called. */
const ENDPOINTS = new Map([
  [FAULTS, { mark: /arm-smmu|smmu:|context fault|mc-err/i, title: 'SMMU faults', items: (answer) => answer.items.map(faultItem), one: 'fault' }],
  [MAPS, { mark: /vfio|iommufd|IOMMU_IOAS|DMA (re)?mapping|RLIMIT_MEMLOCK|1:1 IOMMU mapping|would overlap/i, title: 'Failed maps', items: (answer) => answer.items.map(mapItem), one: 'failed map' }],
  [TRACES, { mark: /IOMMU: (dev=\S+ )?iova=|^# tracer:/m, title: 'Domains of the trace', items: (answer) => answer.domains.map(traceDomain), one: 'domain' }],
]);

/** Endpoints whose words are in the text, most likely first; a trace is nothing else as well. */
function likely(text) {
  const found = [...ENDPOINTS].filter(([, { mark }]) => mark.test(text)).map(([path]) => path);
  if (found.includes(TRACES)) return [TRACES];
  return found.length ? found : [FAULTS];
}

/** The endpoint that a refusal names instead. */
const named = (problem) => [...ENDPOINTS.keys()].find((path) => problem.detail?.includes(`POST them to ${path}.`));

export class LogsView {
  constructor(root) {
    this.text = h('textarea', { id: 'log', rows: 12, spellcheck: 'false', autocomplete: 'off', autocapitalize: 'off', onkeydown: (event) => {
      if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) this.form.requestSubmit();
    } });
    this.platform = h('div');
    this.device = h('div');
    this.form = h('form', { class: 'stack', onsubmit: (event) => {
      event.preventDefault();
      this.explain();
    } },
    field('Log', this.text, 'Faults of an SMMU, messages of a VMM or the kernel about a failed map, or a trace of iommu:map. Quotes, prompts and stamps may stay. It is sent to this server only.'),
    h('div', { class: 'conditions' }, this.platform, this.device,
      kernelField(null, (kernel) => this.go({ kernel })), pageField('Pages', null, (page) => this.go({ page }))),
    h('div', null, h('button', { type: 'submit', class: 'button primary' }, 'Explain')));
    this.answer = h('div', { class: 'content', id: 'log-answer' });
    replace(root, h('div', { class: 'content' },
      h('h1', null, 'Logs', h('small', null, 'What the kernel or a VMM printed, and what it means')),
      panel(null, { 'aria-label': 'The log' }, this.form),
      this.answer));
  }

  stop() {
    this.abort?.abort();
  }

  async update(state) {
    this.platforms ??= (await all('/v1/platforms', {}, 2000)).items;
    showConditions(this.form, state);
    const chosen = this.platforms.some((platform) => platform.id === state.platform) ? state.platform : '';
    replace(this.platform, field('Machine', select(
      [['', 'not known'], ...this.platforms.map(({ id }) => [id, id])], chosen,
      (platform) => this.go({ platform, device: null }))));
    const devices = chosen ? deviceNames(await all(`/v1/platforms/${segment(chosen)}/devices`, {}, 5000).then(({ items }) => items)) : [];
    this.query = { platform: chosen, device: devices.some(({ name }) => name === state.device) ? state.device : '' };
    replace(this.device, chosen ? field('Device', select(
      [['', 'as the log says'], ...devices.map(({ name }) => [name, name])], this.query.device,
      (device) => this.go({ device }))) : null);
  }

  async go(patch) {
    route.write(patch);
    await this.update(route.read().state).catch((problem) => replace(this.answer, problemPanel(problem)));
  }

  async explain() {
    this.abort?.abort();
    const { signal } = (this.abort = new AbortController());
    const text = this.text.value;
    if (!text.trim()) {
      replace(this.answer, h('p', { class: 'notice', role: 'alert' }, 'Paste a log first.'));
      this.text.focus();
      return;
    }
    replace(this.answer, busy('Asking …'));
    try {
      const found = await this.asked(text, signal);
      const answers = found.filter(({ answer }) => answer);
      // That a text has no lines for one endpoint is no news where another one answers.
      const problems = found.map(({ problem }) => problem)
        .filter((problem) => problem && !(answers.length && problem.code === 'unreadable-input'));
      replace(this.answer, answers.map((one) => this.panelOf(one)), problems.map((problem) => problemPanel(problem)));
      if (answers.length) announce(`${answers.map(({ path, answer }) => this.count(path, answer)).join(', ')}.`);
    } catch (problem) {
      if (problem.name === 'AbortError') return;
      replace(this.answer, problemPanel(problem));
    }
  }

  /** What the likely endpoints say; where all refuse, what the one says that a refusal names. */
  async asked(text, signal) {
    const first = await Promise.all(likely(text).map((path) => this.one(path, text, signal)));
    if (first.some(({ answer }) => answer)) return first;
    const other = first.map(({ problem }) => named(problem)).find((path) => path && !first.some((one) => one.path === path));
    return other ? [await this.one(other, text, signal)] : first;
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

  count(path, answer) {
    const { one } = ENDPOINTS.get(path);
    const { length } = answer.items ?? answer.domains;
    return `${length} ${one}${length === 1 ? '' : 's'}`;
  }

  panelOf({ path, answer }) {
    const { title, items } = ENDPOINTS.get(path);
    const findings = answer.findings ?? [];
    const ignored = answer.lines_ignored ?? 0;
    return panel(`${title} (${(answer.items ?? answer.domains).length})`, { class: 'stack', 'data-endpoint': path },
      h('ol', { class: 'stack' }, items(answer).map((item) => h('li', null, item))),
      otherLines(answer.other_lines),
      warningsList(answer.warnings), hostFacts(answer.host_facts),
      h('p', { class: 'muted' }, `Lines read: ${answer.lines_read}; of other matters: ${ignored}.`),
      findings.length ? [h('h3', null, 'What was skipped'), findingsList(findings)] : null);
  }
}

