// The atlas: which window fits which machine, as a matrix of devices and policies with the reason in each cell.
// Three sources: the survey that ships with the server, a fresh one over the platforms that it holds, and one of
// the ACPI servers whose maps are public, which are in no device tree.

import { all, ask } from '../api.js';
import { announce, debounce, field, h, icon, replace, s, select } from '../dom.js';
import { kindName, kindSentence } from '../kinds.js';
import { busy, curlBox, curlCommand, panel, pill, rangeLine } from '../parts.js';
import { problemPanel } from '../problems.js';
import * as route from '../route.js';

const ROWS_MAX = 400;
/** One survey takes no more platforms. */
const PLATFORMS_MAX = 10000;
const GROUPS_SHOWN = 6;
const SOURCES = [['debian', 'Device trees of Debian'], ['acpi', 'ACPI servers'], ['server', 'Platforms on this server']];

/** Ampere Altra ships as an example; of HiSilicon's D05 a public list of reserved regions is known. */
const ACPI_QUESTION = {
  platforms: ['example-ampere-altra'],
  hosts: [{ name: 'HiSilicon D05', reserved_regions: [{ start: '0x8000000', size: '0x100000', type: 'software_msi' }, { start: '0xc6010000', last: '0xc601ffff', type: 'msi' }] }],
};
const ACPI_NOTES = [
  ['Ampere Altra', 'From a public /proc/iomem and boot log: the PCI window 0x8000000–0xfffffff of segment 2 holds Linux’s default window, at equal bus and CPU addresses. Whether a bridge claims a write there depends on peer-to-peer routing and ACS; no breakage was reported. The other five segments are clear.'],
  ['HiSilicon D05', 'From a public reserved_regions list: the ITS is a hardware MSI region beside the software window, so iommufd refuses the device, and since Linux 6.15 interrupts through VFIO type1 fail with ENOSPC.'],
  ['ThunderX2', 'Its PCI windows are said to lie over 0x40000000, where QEMU’s guests have RAM, without known breakage. No map of it is at hand; upload /proc/iomem with the tables, or dmesg, to see.'],
];

const POLICIES = {
  fixed: ['Fixed', 'Today’s constant, whatever is there.'],
  second: ['Second base', 'Only the other constant of the posted series.'],
  posted: ['Posted series', 'Two constants; looks only at what the driver advertises.'],
  posted_seeing_everything: ['Posted, seeing all', 'The same two constants; looks at everything that is withheld.'],
  nearest_default: ['Nearest', 'Dynamic: the free place nearest to the default.'],
  lowest_below_4g: ['Lowest', 'Dynamic: the lowest free place.'],
  highest_below_4g: ['Highest', 'Dynamic: the highest free place below 4 GiB.'],
};

const policyName = (id) => POLICIES[id]?.[0] ?? id;

/** A survey's NDJSON: a line a device, then the summary. */
function readLines(text) {
  const lines = text.trim().split('\n').map((line) => JSON.parse(line));
  return { rows: lines.filter((line) => line.kind === 'device'), summary: lines.at(-1) };
}

/** The atlas names only who conflicts; every other cell of its rows fits. */
function readSummary(summary) {
  const rows = new Map();
  const fits = () => Object.fromEntries(summary.policies.map(({ policy, base }) => [policy, { fits: true, base }]));
  for (const { platform, device, policy, base, reachability, reasons } of summary.conflicts) {
    const key = `${platform} ${device}`;
    if (!rows.has(key)) rows.set(key, { platform, device, policies: fits() });
    rows.get(key).policies[policy] = { fits: false, base, reachability, reasons };
  }
  return { rows: [...rows.values()], summary };
}

export class AtlasView {
  constructor(root) {
    this.controls = h('form', { class: 'conditions', 'aria-label': 'Filter', onsubmit: (event) => event.preventDefault() });
    this.facts = h('div');
    this.notes = h('div', { class: 'stack', hidden: true });
    this.policies = h('div');
    this.matrix = h('div');
    this.constants = h('div', { class: 'stack' });
    this.request = h('div');
    this.message = h('div');
    replace(root, h('div', { class: 'content' },
      h('div', { class: 'head' }, h('h1', null, 'Atlas', h('small', null, 'Which window fits which machine, and what blocks it')), this.controls),
      this.message,
      panel('Policies', null, this.facts, this.notes, this.policies),
      panel('Devices and policies', { class: 'matrix-panel' }, this.matrix),
      panel('Constants', null, this.constants),
      panel('The request', null, this.request)));
    replace(this.facts, busy('Asking …'));
    this.drawMatrixSoon = debounce(120, () => this.drawMatrix());
  }

  stop() {
    this.abort?.abort();
  }

  go(patch) {
    route.write(patch);
    return this.update(route.read().state);
  }

  async update(state) {
    this.abort?.abort();
    const { signal } = (this.abort = new AbortController());
    const source = SOURCES.some(([name]) => name === state.source) ? state.source : 'debian';
    this.drawControls(state, source);
    try {
      if (this.source !== source) this.data = await this.load(source, signal);
      this.source = source;
      replace(this.message);
      this.draw();
    } catch (problem) {
      if (problem.name === 'AbortError') return;
      this.source = null;
      replace(this.message, problemPanel(problem, ['Try again', () => this.update(route.read().state)]));
    }
  }

  async load(source, signal) {
    if (source === 'debian') {
      replace(this.request, curlBox(curlCommand('GET', '/v1/atlas')));
      return readSummary(await ask('GET', '/v1/atlas', { signal }));
    }
    if (source === 'acpi') return this.survey(ACPI_QUESTION, signal);
    const { items } = await all('/v1/platforms', {}, PLATFORMS_MAX, signal);
    return this.survey({ platforms: items.map((item) => item.id) }, signal);
  }

  async survey(question, signal) {
    replace(this.request, curlBox(curlCommand('POST', '/v1/surveys', question)));
    return readLines(await ask('POST', '/v1/surveys', { json: question, accept: 'application/x-ndjson', signal }));
  }

  drawControls(state, source) {
    if (this.controls.childElementCount) {
      const [choice, search] = [this.controls.querySelector('select'), this.search];
      choice.value = source;
      if (document.activeElement !== search) search.value = state.q ?? '';
      this.only.checked = state.only === 'conflicts';
      this.onlyField.hidden = source === 'debian';
      return;
    }
    this.search = h('input', { type: 'search', id: 'atlas-search', placeholder: 'juno, dma_ranges_gap, 0xa0000000', value: state.q ?? '', oninput: () => {
      route.write({ q: this.search.value || null });
      this.drawMatrixSoon();
    } });
    this.only = h('input', { type: 'checkbox', id: 'only', checked: state.only === 'conflicts', onchange: () => this.go({ only: this.only.checked ? 'conflicts' : null }) });
    // The other source lists conflicts alone.
    this.onlyField = h('label', { class: 'check', hidden: source === 'debian' }, this.only, 'Conflicts only');
    const choice = select(SOURCES, source, (value) => this.go({ source: value === 'debian' ? null : value }));
    choice.id = 'source';
    replace(this.controls, field('Survey of', choice), field('Search', this.search), this.onlyField);
  }

  draw() {
    const { summary } = this.data;
    const fact = (name, value) => h('div', null, h('dt', null, name), h('dd', null, value));
    replace(this.facts, h('dl', { class: 'facts' },
      fact('Platforms', String(summary.platforms)), fact('With a device behind an SMMU', String(summary.platforms_with_devices)),
      fact('Devices', `${summary.devices}${summary.active_only ? ', enabled ones' : ''}`),
      summary.source ? fact('Source', summary.source) : null));
    this.notes.hidden = this.source !== 'acpi';
    replace(this.notes, h('dl', null, ACPI_NOTES.map(([name, words]) => [h('dt', null, name), h('dd', null, words)])));
    this.drawPolicies(summary);
    this.drawMatrix();
    this.drawConstants(summary);
  }

  drawPolicies({ policies, devices }) {
    const bar = (share) => s('svg', { class: 'share', viewBox: '0 0 100 6', width: 100, height: 6, preserveAspectRatio: 'none', 'aria-hidden': 'true' },
      s('rect', { class: 'share-all', width: 100, height: 6, rx: 3 }),
      share > 0 ? s('rect', { class: 'share-bad', width: Math.max(1.5, share * 100), height: 6, rx: 3 }) : null);
    replace(this.policies, h('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Policies over all devices' }, h('table', { class: 'tally' },
      h('caption', null, 'How many devices each policy serves'),
      h('thead', null, h('tr', null, ['Policy', 'Base', 'Fits', 'In conflict', 'Share in conflict', 'Moved from the default'].map((name) => h('th', { scope: 'col' }, name)))),
      h('tbody', null, policies.map((row) => h('tr', { 'data-policy': row.policy },
        h('th', { scope: 'row' }, h('strong', null, policyName(row.policy)), h('div', { class: 'muted' }, POLICIES[row.policy]?.[1] ?? '')),
        h('td', null, row.base ? h('code', null, row.base) : h('span', { class: 'muted' }, 'varies')),
        h('td', { class: 'size' }, String(row.fits)),
        h('td', { class: 'size' }, row.conflicts ? pill(`${row.conflicts} on ${row.platforms_with_conflicts} platform${row.platforms_with_conflicts === 1 ? '' : 's'}${row.conditional ? `; ${row.conditional} only in PCI windows` : ''}`, row.conditional === row.conflicts ? 'warn' : 'bad') : pill('none', 'good')),
        h('td', null, bar(devices ? row.conflicts / devices : 0)),
        h('td', { class: 'size' }, String(row.not_at_default))))))));
  }

  /** Rows that hold every word of the search, in a name, a base or a reason. */
  found() {
    const words = (this.search.value ?? '').toLowerCase().split(/\s+/).filter(Boolean);
    return this.data.rows.filter((row) => {
      const cells = Object.entries(row.policies);
      if (this.source !== 'debian' && this.only.checked && cells.every(([, cell]) => cell.fits)) return false;
      const text = [row.platform, row.device, ...cells.flatMap(([policy, cell]) => [cell.base ?? '', ...(cell.fits ? [] : [policy, policyName(policy), ...(cell.reasons ?? []), ...(cell.reasons ?? []).map(kindName)])])].join(' ').toLowerCase();
      return words.every((word) => text.includes(word));
    });
  }

  drawMatrix() {
    const { summary, rows } = this.data;
    const found = this.found();
    const columns = summary.policies.map((row) => row.policy);
    const fine = summary.devices - rows.length;
    const sentence = `${found.length} of ${rows.length} devices${this.source === 'debian' && fine > 0 ? `; each of the other ${fine} fits under every policy` : ''}${summary.conflicts_dropped ? `; ${summary.conflicts_dropped} more conflicts are not listed` : ''}.`;
    replace(this.matrix, h('p', { class: 'muted', id: 'atlas-count' }, sentence),
      h('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Devices and policies' }, h('table', { class: 'matrix' },
        h('caption', null, this.source === 'debian' ? 'Devices that at least one policy does not serve' : 'Every device of the survey'),
        h('thead', null, h('tr', null, h('th', { scope: 'col' }, 'Device'), columns.map((policy) => h('th', { scope: 'col' }, policyName(policy))))),
        h('tbody', null, found.slice(0, ROWS_MAX).map((row) => this.row(row, columns))))),
      found.length > ROWS_MAX ? h('p', { class: 'muted' }, `The first ${ROWS_MAX} are shown; search to find the others.`) : null,
      found.length ? null : h('p', { class: 'notice' }, rows.length ? 'No device matches. Search for part of a name, a reason or a base.' : 'No policy has a conflict here.'));
    if (this.spoken !== sentence) announce(sentence);
    this.spoken = sentence;
  }

  row(row, columns) {
    const name = h('span', { class: 'device-name' }, row.device);
    const heading = this.source === 'server' || row.platform.startsWith('example-')
      ? h('a', { href: route.link('space', { platform: row.platform, device: row.device }) }, name) : name;
    return h('tr', null,
      h('th', { scope: 'row' }, heading, h('div', { class: 'muted' }, row.platform)),
      columns.map((policy) => this.cell(row.policies[policy])));
  }

  cell(answer) {
    if (!answer) return h('td', null, '–');
    const base = answer.base ? h('code', null, answer.base) : null;
    if (answer.fits) return h('td', { class: 'fits' }, h('span', { class: 'good-text' }, icon('done'), h('span', { class: 'unseen' }, 'fits')), ' ', base);
    return h('td', { class: 'conflict' }, base ?? pill('no window', 'bad'), (answer.reasons ?? []).map((reason) => h('div', { class: 'bad-text', title: kindSentence(reason) || null }, kindName(reason))),
      answer.reachability === 'conditional' ? h('div', { class: 'muted' }, 'depends on the bridge') : null);
  }

  drawConstants({ constants, soft_hazards: hazards }) {
    const several = (ranges, most = 8) => h('ul', { class: 'plain ranges' }, ranges.slice(0, most).map((range) => h('li', null, rangeLine(range))), ranges.length > most ? h('li', { class: 'muted' }, `and ${ranges.length - most} more`) : null);
    const { best, fit_every_device: every, partner_of_default: partner } = constants;
    replace(this.constants,
      h('div', null, h('h3', null, every.length ? 'Constants that fit every device' : 'No constant below 4 GiB fits every device'),
        every.length ? several(every) : h('p', { class: 'muted' }, 'The constants with the fewest misfits are below.')),
      every.length ? null : h('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'The best constants' }, h('table', { class: 'tally' },
        h('caption', null, 'Single constants, fewest misfits first'),
        h('thead', null, h('tr', null, ['Misfits', 'Bases', 'Where', 'Fails on'].map((title) => h('th', { scope: 'col' }, title)))),
        h('tbody', null, best.slice(0, GROUPS_SHOWN).map((group) => h('tr', null,
          h('th', { scope: 'row' }, String(group.unfit_devices)), h('td', { class: 'size' }, String(group.bases)),
          h('td', null, several(group.ranges, 4)), h('td', null, (group.failing_platform_names ?? []).join(', ') || 'none')))))),
      partner ? h('div', null, h('h3', null, 'The best partner of the default'),
        h('p', { class: 'muted' }, `0x8000000 and one of these leave ${partner.unfit_devices} devices without a window.`), several(partner.second.ranges, 4)) : null,
      hazards?.length ? h('div', null, h('h3', null, 'Same number, another meaning'),
        h('ul', { class: 'plain' }, hazards.map((hazard) => h('li', null, h('code', null, hazard.base), ` is also a physical address of RAM on ${hazard.ram} and of device registers on ${hazard.mmio} platforms: harmless for translated DMA, easy to confuse in debugging.`)))) : null);
  }
}
