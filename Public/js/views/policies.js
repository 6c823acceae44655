// One device under several policies, side by side. Every named policy is a point on the grid of consumer and
// window source; each card is one decision of the server, with its explanation.

import { ask } from '../api.js';
import { h, hexText, replace } from '../dom.js';
import { hex, sizeName, sizeOf, span } from '../hex.js';
import { problemPanel } from '../problems.js';
import { curlBox, curlCommand, panel, pill, rangeLine, stepsList, warningsList } from '../parts.js';

/** The user's window is added from the field; sizes are the default 1 MiB. */
const POLICIES = [
  { id: 'mainline-dma', name: 'Kernel driver', about: 'Mainline, DMA API: the allocator picks each page.', consumer: 'dma_api', source: 'fixed' },
  { id: 'mainline-vfio', name: 'VFIO today', about: 'Mainline, type1 on the constant 0x8000000.', consumer: 'vfio_type1', source: 'fixed' },
  { id: 'mainline-iommufd', name: 'iommufd today', about: 'Mainline, iommufd on the constant.', consumer: 'iommufd', source: 'fixed' },
  { id: 'posted-vfio', name: 'Two constants', about: 'Posted v4 series: the second base when firmware reserves the first.', consumer: 'vfio_type1', source: 'candidates' },
  { id: 'checked-vfio', name: 'Two constants, checked', about: 'The same bases, but nothing that is withheld may be hit.', consumer: 'vfio_type1', source: { kind: 'candidates', avoid: 'everything' } },
  { id: 'dynamic-vfio', name: 'Dynamic', about: 'The nearest aligned MiB that is free of everything.', consumer: 'vfio_type1', source: { kind: 'dynamic', prefer: 'nearest_default' } },
  { id: 'user-iommufd', name: 'Chosen by the VMM', about: 'iommufd option as posted: userspace names the start.', consumer: 'iommufd', source: 'user' },
  { id: 'none-vfio', name: 'No window', about: 'What happens when the driver offers none.', consumer: 'vfio_type1', source: 'none' },
];

const verdict = (answer) => {
  if (answer.outcome === 'refused') return pill(answer.errno ? `refused, ${answer.errno}` : 'refused', 'bad');
  if (answer.outcome === 'none') return pill('no window', 'bad');
  if (answer.outcome === 'hardware' || answer.outcome === 'identity') return pill(answer.outcome === 'hardware' ? 'hardware MSI' : 'identity', answer.reachable ? 'good' : 'bad');
  return answer.reachable ? pill('reachable', 'good') : pill('unreachable', 'bad');
};

export class PolicyPanel {
  /** `onChoose(id, answer)` is told whose window the map shall show. */
  constructor(map, onChoose) {
    this.map = map;
    this.onChoose = onChoose;
    this.grid = h('div', { class: 'cards', role: 'list' });
    this.element = panel('Policies side by side', { class: 'policies' }, this.grid);
    this.answers = new Map();
  }

  question(policy, context) {
    const source = policy.source === 'user' ? { kind: 'user', start: context.user || '0xa0000000', size: '0x100000' } : policy.source;
    return { platform: context.platform, device: context.device, consumer: policy.consumer, window_source: source, ...context.conditions };
  }

  async load(context, chosen, signal) {
    const cards = POLICIES.map((policy) => h('article', { class: 'card policy', role: 'listitem', 'data-policy': policy.id }, h('h3', null, policy.name), h('p', { class: 'muted' }, policy.about)));
    if (!this.grid.childElementCount) replace(this.grid, cards);
    this.chosen = POLICIES.some((policy) => policy.id === chosen) ? chosen : 'mainline-vfio';
    const results = await Promise.all(POLICIES.map(async (policy) => {
      const question = this.question(policy, context);
      try {
        return { policy, question, answer: await ask('POST', '/v1/decisions', { json: question, signal }) };
      } catch (problem) {
        if (problem.name === 'AbortError') throw problem;
        return { policy, question, problem };
      }
    }));
    this.results = results;
    this.draw();
    return this.current();
  }

  current() {
    return this.results.find((result) => result.policy.id === this.chosen) ?? this.results[0];
  }

  draw() {
    const open = new Set([...this.grid.querySelectorAll('details[open]')].map((details) => details.dataset.key));
    replace(this.grid, this.results.map((result) => this.card(result, open)));
  }

  card({ policy, question, answer, problem }, open) {
    const isChosen = policy.id === this.chosen;
    const details = (key, title, content) => h('details', { 'data-key': `${policy.id}-${key}`, class: 'more', open: open.has(`${policy.id}-${key}`) }, h('summary', null, title), content);
    return h('article', { class: `card policy ${isChosen ? 'chosen' : ''}`, role: 'listitem', 'data-policy': policy.id },
      h('header', null,
        h('h3', null, h('button', { type: 'button', class: 'link', 'aria-pressed': String(isChosen), title: 'Show its window on the map', onclick: () => this.choose(policy.id) }, policy.name)),
        answer ? verdict(answer) : pill('not answered', 'warn')),
      h('p', { class: 'muted' }, policy.about),
      answer ? this.body(answer) : problemPanel(problem),
      answer?.explanation?.steps?.length ? details('steps', `Why, in ${answer.explanation.steps.length} steps`, stepsList(answer.explanation, this.map)) : null,
      details('curl', 'As a request', curlBox(curlCommand('POST', '/v1/decisions', question))));
  }

  body(answer) {
    return [
      answer.window ? h('p', null, rangeLine(answer.window)) : null,
      h('p', { class: 'because' }, answer.because),
      answer.doorbells?.length ? h('p', { class: 'doorbells' }, 'MSI address ', answer.doorbells.slice(0, 4).map((doorbell) => [hexText(doorbell.iova), ' ']), answer.doorbells.length > 4 ? `and ${answer.doorbells.length - 4} more` : '') : null,
      warningsList(answer.warnings?.filter((warning) => warning.detail !== answer.because)),
    ];
  }

  choose(id) {
    this.chosen = id;
    this.draw();
    this.grid.querySelector(`[data-policy="${id}"] button.link`)?.focus();
    this.onChoose(id, this.current());
  }
}

/** The items that a decision puts on the map. */
export function decisionItems({ policy, answer }) {
  if (!answer) return [];
  const items = [];
  if (answer.window) {
    const range = span(answer.window);
    items.push({ id: 'window', kind: answer.reachable ? 'window' : 'window_unreachable', ...range, mark: true, title: answer.reachable ? 'MSI window' : 'MSI window, unreachable', label: sizeName(sizeOf(range)), note: answer.because, seen: policy.name });
  }
  for (const [index, doorbell] of (answer.doorbells ?? []).entries()) {
    if (!doorbell.page) continue;
    const start = BigInt(doorbell.page);
    items.push({ id: `doorbell-${index}`, kind: 'doorbell', start, last: start + 0xfffn, mark: !answer.window && index === 0, title: `Doorbell ${hex(BigInt(doorbell.physical))}`, label: 'doorbell', note: `The device writes its MSIs to ${doorbell.iova}.`, seen: policy.name });
  }
  return items;
}
