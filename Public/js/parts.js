// Small pieces that several views share: pills, findings, ranges, explanations, tables.

import { copyButton, h, hexText, icon } from './dom.js';
import { hex, sizeName, sizeOf, span } from './hex.js';
import { withoutRoutes } from './sentences.js';

/** A word on a coloured ground; `tone` is good, bad, warn or plain. */
export const pill = (text, tone = 'plain') => h('span', { class: `pill ${tone}` }, text);

/** A range with both ends to copy. */
export function rangeLine(range) {
  const { start, last } = span(range);
  return h('span', { class: 'range' }, hexText(hex(start)), h('span', { class: 'dash' }, '–'), hexText(hex(last)), h('span', { class: 'muted' }, sizeName(sizeOf({ start, last }))));
}

const SEVERITY = { error: 'bad', warning: 'warn', info: 'plain' };

/** What a reader noticed, worst first. */
export function findingsList(findings) {
  const rank = { error: 0, warning: 1, info: 2 };
  const sorted = [...findings].sort((a, b) => (rank[a.severity] ?? 3) - (rank[b.severity] ?? 3));
  return h('ul', { class: 'findings' }, sorted.map((finding) => h('li', null,
    pill(finding.severity, SEVERITY[finding.severity]), ' ',
    finding.where ? h('code', null, finding.where) : null, ' ', finding.detail, ' ',
    h('code', { class: 'muted' }, finding.code))));
}

export function warningsList(warnings) {
  if (!warnings?.length) return null;
  return h('ul', { class: 'warnings' }, warnings.map((warning) => h('li', null, warning.detail, ' ', h('code', { class: 'muted' }, warning.code))));
}

/** What an answer says to change. */
export function changesList(changes) {
  if (!changes?.length) return null;
  return h('div', null, h('h3', { class: 'sub' }, 'What to change'), h('ul', { class: 'plain' }, changes.map((text) => h('li', null, withoutRoutes(text)))));
}

/** Names with values; a row without a value is left out, and so is a list without rows. Rows are [name, content]. */
export function facts(...rows) {
  const there = factRows(...rows);
  return there.length ? h('dl', { class: 'facts' }, there) : null;
}

/** The same rows for a list that is there already. */
export const factRows = (...rows) => rows.filter((row) => row && row[1] !== null && row[1] !== undefined && row[1] !== '')
  .map(([name, content]) => h('div', null, h('dt', null, name), h('dd', null, content)));

/** What a host has for itself, where it is not as in the rest of the answer. */
export const ownKernel = ({ kernel, page_size: pages }) =>
  [kernel ? `Linux ${kernel.release ?? kernel}` : null, pages ? `pages of ${pages}` : null].filter(Boolean).join(', ');

/** A table that scrolls in its own box, by keyboard too; `name` is the box's, `rows` are tr elements. */
export const scrolledTable = (name, { caption = name, columns, ...props }, rows) =>
  h('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': name }, h('table', props,
    h('caption', null, caption),
    h('thead', null, h('tr', null, columns.map((title) => h('th', { scope: 'col' }, title)))),
    rows instanceof Element ? rows : h('tbody', null, rows)));

const FACTS = {
  kernel_release: 'kernel', page_size: 'pages', group_type: 'group type', command_line: 'command line',
  module_parameters: 'module parameters', kernel_config: 'kernel configuration', boot_log: 'boot log',
};

/** What the collected host said that an answer rests on; `known` is said elsewhere already. */
export function hostFacts(facts, known = {}) {
  const { sources = {}, ...told } = facts ?? {};
  const rows = Object.entries(told).filter(([name, value]) => known[name] !== value);
  if (!rows.length) return null;
  return h('p', { class: 'host-facts' }, h('span', { class: 'muted' }, 'As the host says: '), rows.map(([name, value], index) => [
    index ? ', ' : '', FACTS[name] ?? name.replaceAll('_', ' '), ' ', h('code', null, value),
    sources[name] ? h('span', { class: 'muted' }, ` (${sources[name]})`) : null]));
}

/** The other answer, where a virtio-iommu decides which regions there are: `content` tells it. */
export function ifReported(other, ...content) {
  if (!other) return null;
  return h('div', { class: 'if-reported' }, h('h3', { class: 'sub' }, 'If the virtio-iommu reports an MSI region'),
    h('p', null, h('span', { class: 'muted' }, 'With '), other.iommu_regions.map(rangeLine)), content);
}

/** The steps of an explanation. A step that is pointed at, focused or played appears on `map`. */
export function stepsList(explanation, map) {
  const steps = explanation.steps ?? [];
  const buttons = steps.map((step) => {
    const show = () => {
      for (const other of buttons) other.classList.toggle('current', other === button);
      map?.highlight(stepMarks(step));
    };
    const button = h('button', { type: 'button', class: 'step', onclick: show, onfocus: show, onpointerenter: show },
      h('span', { class: `verdict ${step.verdict}` }, step.verdict),
      h('span', { class: 'step-text' }, step.text),
      h('code', { class: 'rule' }, step.rule));
    return button;
  });
  const clear = () => map?.highlight([]);
  let timer = 0;
  const play = h('button', { type: 'button', class: 'button small', onclick: () => {
    clearInterval(timer);
    let at = 0;
    const next = () => {
      if (at >= buttons.length || !play.isConnected) return clearInterval(timer);
      buttons[at].dispatchEvent(new Event('pointerenter'));
      buttons[at].scrollIntoView({ block: 'nearest' });
      at += 1;
      return undefined;
    };
    next();
    timer = setInterval(next, 900);
  } }, icon('play'), 'Play on the map');
  return h('div', { class: 'steps', onpointerleave: clear, onfocusout: clear },
    map && steps.some((step) => step.candidate || step.blocker) ? play : null,
    h('ol', null, buttons.map((button) => h('li', null, button))),
    explanation.dropped ? h('p', { class: 'muted' }, `${explanation.dropped} further steps are not listed.`) : null);
}

function stepMarks(step) {
  const marks = [];
  if (step.blocker?.range) marks.push({ ...span(step.blocker.range), tone: 'blocker' });
  if (step.candidate) marks.push({ ...span(step.candidate), tone: step.verdict });
  return marks;
}

/** A command to copy. */
export function curlBox(command) {
  return h('div', { class: 'curl' },
    h('pre', { tabindex: '0', role: 'group', 'aria-label': 'The same request as a curl command' }, h('code', null, command)),
    copyButton(command, 'the curl command', 'Copy'));
}

/** A section with a heading. */
export const panel = (title, props, ...children) =>
  h('section', { ...props, class: `panel ${props?.class ?? ''}` }, title ? h('h2', null, title) : null, children);

export const busy = (text) => h('p', { class: 'muted busy' }, text);
