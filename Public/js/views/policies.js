// One device under several policies, side by side. Every named policy is a point on the grid of consumer and
// window source; each card is one decision of the server, with its explanation.

import { ask } from '../api.js';
import { curlCommand } from '../curl.js';
import { SECOND_BASE } from '../conditions.js';
import { h, hexText, replace } from '../dom.js';
import { hex, sizeName, sizeOf, span } from '../hex.js';
import { problemPanel } from '../problems.js';
import { withoutRoutes } from '../sentences.js';
import { blockedBy, verdictPill } from '../verdicts.js';
import { curlBox, hostFacts, ifReported, panel, pill, rangeLine, stepsList, warningsList } from '../parts.js';

/** Points of the grid that nobody gave a name, but that people ask for; the rest is the server's catalogue. */
const OWN = [
  { id: 'checked_constants', title: 'Two constants, checked', sentence: 'The same two bases, and a window must not touch anything that is withheld.', status: 'own', consumer: null, window_source: { kind: 'candidates', avoid: 'everything' } },
  { id: 'no_window', title: 'No window', sentence: 'What happens when the driver offers no window.', status: 'own', consumer: null, window_source: 'none' },
];

const DEFAULT_POLICY = 'vfio_type1';
/** What Linux does today comes first. */
const GROUPS = [['merged', 'What Linux does'], ['posted', 'Posted, not merged'], ['discussed', 'Discussed'], ['own', 'This project’s own']];

export class PolicyPanel {
  /**
   * `onChoose(id, result)` gets the policy whose window the map has to show; `blockerOf(answer)` gives what the guest
   * has where the window of an answer is.
   */
  constructor(map, onChoose, blockerOf) {
    Object.assign(this, { map, onChoose, blockerOf });
    this.groups = h('div', { class: 'stack' });
    this.shared = h('div', { class: 'shared' });
    this.element = panel('Policies side by side', { class: 'policies' }, this.shared, this.groups);
  }

  /** The named policies, each once: what is left open is asked for VFIO, which may be a policy by itself. */
  catalogue() {
    this.known ??= this.readCatalogue().catch((problem) => {
      this.known = null;
      throw problem;
    });
    return this.known;
  }

  async readCatalogue() {
    const { items } = await ask('GET', '/v1/policies');
    const key = (policy) => JSON.stringify([policy.consumer, policy.window_source]);
    const named = new Set(items.filter((policy) => policy.consumer).map(key));
    const rank = GROUPS.map(([status]) => status);
    return [...items.filter((policy) => policy.consumer || !named.has(key({ ...policy, consumer: 'vfio_type1' }))), ...OWN]
      .sort((a, b) => rank.indexOf(a.status) - rank.indexOf(b.status));
  }

  /** The question of one policy as /v1/decisions takes it. */
  question(policy, context) {
    const isUser = policy.window_source?.kind === 'user';
    const source = isUser ? { kind: 'user', start: context.user || SECOND_BASE, size: '0x100000' } : policy.window_source;
    return { platform: context.platform, device: context.device, consumer: policy.consumer ?? 'vfio_type1', window_source: source, ...context.conditions };
  }

  /** Every policy with its answer, for `draw`; `explain` is how much of the reasons is asked for. */
  async fetch(context, signal, explain = 'full') {
    const policies = await this.catalogue();
    const questions = policies.map((policy) => this.question(policy, context));
    const answers = await this.compare(questions, context, signal, explain);
    return policies.map((policy, index) => ({ policy, question: questions[index], ...answers[index] }));
  }

  /** All at once; where one of the questions is refused, one by one, so that only that one is missing. */
  async compare(questions, context, signal, explain) {
    const { platform, device, conditions } = context;
    const { kernel, ...shared } = conditions;
    try {
      const { items } = await ask('POST', '/v1/comparisons', { query: { explain }, signal, json: {
        platform, device, ...shared, ...(kernel === undefined ? {} : { kernels: [kernel] }),
        policies: questions.map(({ consumer, window_source }, index) => ({ name: String(index), consumer, window_source })),
      } });
      return items.map((answer) => ({ answer }));
    } catch (problem) {
      if (problem.status !== 422) throw problem;
    }
    return Promise.all(questions.map(async (json) => {
      try {
        return { answer: await ask('POST', '/v1/decisions', { query: { explain }, json, signal }) };
      } catch (problem) {
        if (problem.name === 'AbortError') throw problem;
        return { problem };
      }
    }));
  }

  current() {
    return this.results.find((result) => result.policy.id === this.chosen) ?? this.results[0];
  }

  draw(results, chosen) {
    this.results = results;
    this.chosen = results.some(({ policy }) => policy.id === chosen) ? chosen : DEFAULT_POLICY;
    this.redraw();
  }

  clear() {
    this.results = null;
    replace(this.shared);
    replace(this.groups);
  }

  redraw() {
    const open = new Set([...this.groups.querySelectorAll('details[data-key][open]')].map((details) => details.dataset.key));
    this.common = sharedWarnings(this.results);
    this.facts = sharedFacts(this.results);
    replace(this.shared, warningsList([...this.common.values()]), hostFacts(this.facts));
    const known = GROUPS.map(([status]) => status);
    const others = [...new Set(this.results.map(({ policy }) => policy.status))].filter((status) => !known.includes(status));
    replace(this.groups, [...GROUPS, ...others.map((status) => [status, status])].map(([status, title]) => {
      const members = this.results.filter(({ policy }) => policy.status === status);
      return members.length ? h('section', { class: 'card-group', 'data-group': status }, h('h3', null, title), h('ul', { class: 'cards' }, members.map((result) => this.card(result, open)))) : null;
    }));
  }

  card({ policy, question, answer, problem }, open) {
    const isChosen = policy.id === this.chosen;
    const details = (key, title, content) => h('details', { 'data-key': `${policy.id}-${key}`, class: 'more', open: open.has(`${policy.id}-${key}`) }, h('summary', null, title), content);
    return h('li', { class: `card policy ${isChosen ? 'chosen' : ''}`, 'data-policy': policy.id },
      h('header', null,
        h('h4', null, h('button', { type: 'button', class: 'link', 'aria-pressed': String(isChosen), title: 'Show its window on the map', onclick: () => this.choose(policy.id) }, policy.title)),
        answer ? verdictPill(answer, this.blockerOf(answer)) : pill('no answer', 'warn')),
      h('p', { class: 'muted', title: policy.citation }, policy.sentence),
      answer ? this.body(answer) : problemPanel(problem),
      answer?.explanation?.steps?.length ? details('steps', `Why, in ${answer.explanation.steps.length} steps`, stepsList(answer.explanation, this.map)) : null,
      details('curl', 'As a request', curlBox(curlCommand('POST', '/v1/decisions', question))));
  }

  body(answer) {
    return [
      answer.window ? h('p', null, rangeLine(answer.window)) : null,
      blockedBy(answer, this.blockerOf(answer)),
      h('p', { class: 'because' }, answer.because),
      answer.doorbells?.length ? h('p', { class: 'doorbells' }, 'MSI address ', answer.doorbells.slice(0, 4).map((doorbell) => [hexText(doorbell.iova), ' ']), answer.doorbells.length > 4 ? `and ${answer.doorbells.length - 4} more` : '') : null,
      warningsList(answer.warnings.filter((warning) => warning.detail !== answer.because && !this.common.has(warning.code + warning.detail))),
      answer.changes?.length ? h('details', { class: 'more changes' }, h('summary', null, 'What to change'), h('ul', { class: 'plain' }, answer.changes.map((text) => h('li', null, withoutRoutes(text))))) : null,
      hostFacts(answer.host_facts, this.facts),
      answer.if_iommu_reports_msi ? ifReported(answer.if_iommu_reports_msi, h('p', null, verdictPill(answer.if_iommu_reports_msi, this.blockerOf(answer.if_iommu_reports_msi))), this.body(answer.if_iommu_reports_msi)) : null,
    ];
  }

  choose(id) {
    this.chosen = id;
    this.redraw();
    this.groups.querySelector(`[data-policy="${CSS.escape(id)}"] button.link`)?.focus();
    this.onChoose(id, this.current());
  }
}

/** Warnings that most policies have alike: said once, above the cards. */
function sharedWarnings(results) {
  const counts = new Map();
  for (const { answer } of results) {
    for (const warning of answer?.warnings ?? []) {
      const key = warning.code + warning.detail;
      counts.set(key, { warning, count: (counts.get(key)?.count ?? 0) + 1 });
    }
  }
  return new Map([...counts].filter(([, { count }]) => count > results.length / 2).map(([key, { warning }]) => [key, warning]));
}

/** Facts of the host that all policies rest on alike: said once, above the cards. */
function sharedFacts(results) {
  const told = results.map(({ answer }) => answer?.host_facts ?? {});
  const { sources, ...first } = told[0] ?? {};
  const shared = Object.entries(first).filter(([name, value]) => told.every((facts) => facts[name] === value));
  return shared.length ? { ...Object.fromEntries(shared), ...(sources ? { sources } : {}) } : {};
}

const WINDOW_TITLES = {
  window: 'MSI window', window_unreachable: 'MSI window, unreachable', window_conditional: 'MSI window in a PCI window',
  window_blocked: 'MSI window, blocked by the guest',
};

/** The items that a decision puts on the map; doorbells take a page of `page` bytes, and `blocker` is what a guest has there. */
export function decisionItems({ policy, answer }, page, blocker) {
  if (!answer) return [];
  const items = [];
  if (answer.window) {
    const range = span(answer.window);
    const kind = answer.reachability === 'conditional' ? 'window_conditional' : !answer.reachable ? 'window_unreachable' : blocker ? 'window_blocked' : 'window';
    items.push({ id: 'window', kind, ...range, mark: true, title: WINDOW_TITLES[kind], label: sizeName(sizeOf(range)), note: answer.because, seen: policy.title });
  }
  for (const [index, doorbell] of (answer.doorbells ?? []).entries()) {
    if (!doorbell.page) continue;
    const start = BigInt(doorbell.page);
    items.push({ id: `doorbell-${index}`, kind: 'doorbell', start, last: start + page - 1n, mark: !answer.window && index === 0, title: `Doorbell ${hex(BigInt(doorbell.physical))}`, label: 'doorbell', note: `The device writes its MSIs to ${doorbell.iova}.`, seen: policy.title });
  }
  return items;
}
