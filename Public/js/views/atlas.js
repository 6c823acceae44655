// The atlas: which window fits which machine, as a matrix of devices and policies with the reason in each cell.
// That a window fits a device, that a machine has no device that needs one, and that a machine was not surveyed are
// three answers.

import { curlCommand } from '../curl.js';
import { debounce, field, h, icon, replace, s, select } from '../dom.js';
import { kindName, kindSentence } from '../kinds.js';
import { curlBox, facts, panel, pill, rangeLine, scrolledTable } from '../parts.js';
import * as route from '../route.js';
import { hasWords, wordsOf } from '../search.js';
import { Shown } from '../shown.js';
import { isConflict, loadAtlas } from './atlas-data.js';

const ROWS_MAX = 200;
/** Names of machines without a device that are listed at once. */
const NAMES_MAX = 20;
const GROUPS_SHOWN = 6;
const SOURCES = [['debian', 'Device trees of Debian'], ['acpi', 'ACPI servers'], ['server', 'Platforms on this server']];

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

/** What a search looks through. */
function textOf({ platform, device, policies }) {
  const cells = Object.entries(policies).flatMap(([policy, cell]) => [cell.base ?? '', ...(cell.fits ? [] : [policy, policyName(policy), ...(cell.reasons ?? []), ...(cell.reasons ?? []).map(kindName)])]);
  return [platform, device, ...cells].join(' ');
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
    const answers = h('div', { class: 'content' },
      panel('Devices and policies', { class: 'matrix-panel' }, this.matrix),
      panel('Policies', null, this.facts, this.notes, this.policies),
      panel('Constants', null, this.constants),
      panel('The request', null, this.request));
    this.shown = new Shown({ answers: [answers], clear: () => this.clear(), retry: () => this.update(route.read().state) });
    replace(root, h('div', { class: 'content' },
      h('div', { class: 'head' }, h('h1', null, 'Atlas', h('small', null, 'Which window fits which machine, and what blocks it')), this.controls),
      this.shown.message, answers));
    this.drawMatrixSoon = debounce(120, () => this.drawMatrix());
  }

  stop() {
    this.shown.stop();
  }

  go(patch) {
    if (this.shown.isStopped) return undefined;
    route.write(patch);
    return this.update(route.read().state);
  }

  clear() {
    this.data = null;
    for (const element of [this.facts, this.notes, this.policies, this.matrix, this.constants, this.request]) replace(element);
  }

  update(state) {
    const source = SOURCES.some(([name]) => name === state.source) ? state.source : 'debian';
    this.drawControls(state, source);
    // The survey that ships stays as it is; the server's platforms may have changed.
    const isKept = source !== 'server' && this.data && this.source === source;
    return this.shown.ask(source, async (signal) => (isKept ? this.data : loadAtlas(source, signal)), (data) => {
      Object.assign(this, { data, source });
      this.draw();
    });
  }

  drawControls(state, source) {
    if (this.controls.childElementCount) {
      const [choice, search] = [this.controls.querySelector('select'), this.search];
      choice.value = source;
      if (document.activeElement !== search) search.value = state.q ?? '';
      this.only.checked = state.only === 'conflicts';
      return;
    }
    this.search = h('input', { type: 'search', id: 'atlas-search', placeholder: 'juno, dma_ranges_gap, 0xa0000000', value: state.q ?? '', oninput: () => {
      route.write({ q: this.search.value || null });
      this.drawMatrixSoon();
    } });
    this.only = h('input', { type: 'checkbox', id: 'only', checked: state.only === 'conflicts', onchange: () => this.go({ only: this.only.checked ? 'conflicts' : null }) });
    this.onlyField = h('label', { class: 'check' }, this.only, 'Conflicts only');
    const choice = select(SOURCES, source, (value) => this.go({ source: value === 'debian' ? null : value }));
    choice.id = 'source';
    replace(this.controls, field('Survey of', choice), field('Search', this.search), this.onlyField);
  }

  draw() {
    const { summary, request } = this.data;
    replace(this.request, curlBox(curlCommand(...request)));
    replace(this.facts, facts(
      ['Platforms', String(summary.platforms)], ['With a device behind an SMMU', String(summary.platforms_with_devices)],
      ['Devices', `${summary.devices}${summary.active_only ? ', enabled ones' : ''}`], ['Source', summary.source]));
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
    const columns = ['Policy', 'Base', 'Fits', 'In conflict', 'Share in conflict', 'Moved from the default'];
    replace(this.policies, scrolledTable('Policies over all devices', { class: 'tally', caption: 'How many devices each policy serves', columns },
      policies.map((row) => h('tr', { 'data-policy': row.policy },
        h('th', { scope: 'row' }, h('strong', null, policyName(row.policy)), h('div', { class: 'muted' }, POLICIES[row.policy]?.[1] ?? '')),
        h('td', null, row.base ? h('code', null, row.base) : h('span', { class: 'muted' }, 'varies')),
        h('td', { class: 'size' }, String(row.fits)),
        h('td', { class: 'size' }, row.conflicts ? pill(`${row.conflicts} on ${row.platforms_with_conflicts} platform${row.platforms_with_conflicts === 1 ? '' : 's'}${row.conditional ? `; ${row.conditional} only in PCI windows` : ''}`, row.conditional === row.conflicts ? 'warn' : 'bad') : pill('none', 'good')),
        h('td', null, bar(devices ? row.conflicts / devices : 0)),
        h('td', { class: 'size' }, String(row.not_at_default))))));
  }

  words() {
    return wordsOf(this.search.value ?? '');
  }

  /** Of Debian's thousands, those in conflict come first, and alone while nobody searches. */
  isOnlyConflicts(words) {
    return this.only.checked || (this.source === 'debian' && !words.length);
  }

  /** Rows that hold every word of the search, in a name, a base or a reason. */
  found(words) {
    return this.data.rows.filter((row) => {
      if (this.isOnlyConflicts(words) && !isConflict(row)) return false;
      row.text ??= textOf(row);
      return hasWords(row.text, words);
    }).sort((a, b) => isConflict(b) - isConflict(a));
  }

  drawMatrix() {
    if (!this.data) return;
    const { summary, rows, without } = this.data;
    const words = this.words();
    const found = this.found(words);
    const bare = words.length ? without.filter((name) => hasWords(name, words)) : [];
    const columns = summary.policies.map((row) => row.policy);
    const inConflict = found.filter(isConflict).length;
    const sentence = words.length || !this.isOnlyConflicts(words)
      ? `${found.length} of ${rows.length} devices: ${inConflict} in conflict with a policy, ${found.length - inConflict} that every policy fits.`
      : `${found.length} of ${rows.length} devices are in conflict with a policy; every policy fits the others. Search to see them.`;
    replace(this.matrix, h('p', { class: 'muted', id: 'atlas-count' }, sentence),
      // Of the other sources every row is here, whatever the summary leaves out.
      this.source === 'debian' && summary.conflicts_dropped ? h('p', { class: 'notice' }, `The survey does not list ${summary.conflicts_dropped} conflicts: a device that is shown to fit may have one of them.`) : null,
      found.length ? scrolledTable('Devices and policies', { class: 'matrix', caption: 'Where each policy puts the window of a device, and what is in its way', columns: ['Device', ...columns.map(policyName)] },
        found.slice(0, ROWS_MAX).map((row) => this.row(row, columns))) : null,
      found.length > ROWS_MAX ? h('p', { class: 'muted' }, `The first ${ROWS_MAX} are shown; search for more of a name to find the others.`) : null,
      bare.length ? h('div', { class: 'bare', 'data-bare': bare.length },
        h('h3', null, `Surveyed, without a device behind an SMMU (${bare.length})`),
        h('p', { class: 'muted' }, 'No MSI window is used there: DMA of these machines is not translated.'),
        h('p', null, bare.slice(0, NAMES_MAX).map((name) => [h('code', null, name), ' ']), bare.length > NAMES_MAX ? `and ${bare.length - NAMES_MAX} more` : '')) : null,
      found.length || bare.length ? null : this.notSurveyed(words));
    this.shown.say(sentence);
  }

  /** Nothing is found: that is no word about whether a window fits. */
  notSurveyed(words) {
    if (!words.length) return h('p', { class: 'notice' }, 'No policy has a conflict here.');
    return h('p', { class: 'notice', 'data-not-surveyed': '' }, `Nothing in this survey is called “${words.join(' ')}”. Whether a window fits such a machine is not known from here: `,
      h('a', { href: route.link('space', {}) }, 'bring its device tree or ACPI tables'), ' to see.');
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
      every.length ? null : scrolledTable('The best constants', { class: 'tally', caption: 'Single constants, fewest misfits first', columns: ['Misfits', 'Bases', 'Where', 'Fails on'] },
        best.slice(0, GROUPS_SHOWN).map((group) => h('tr', null,
          h('th', { scope: 'row' }, String(group.unfit_devices)), h('td', { class: 'size' }, String(group.bases)),
          h('td', null, several(group.ranges, 4)), h('td', null, (group.failing_platform_names ?? []).join(', ') || 'none')))),
      partner ? h('div', null, h('h3', null, 'The best partner of the default'),
        h('p', { class: 'muted' }, `0x8000000 and one of these leave ${partner.unfit_devices} devices without a window.`), several(partner.second.ranges, 4)) : null,
      hazards?.length ? h('div', null, h('h3', null, 'Same number, another meaning'),
        h('ul', { class: 'plain' }, hazards.map((hazard) => h('li', null, h('code', null, hazard.base), ` is also a physical address of RAM on ${hazard.ram} and of device registers on ${hazard.mmio} platforms: harmless for translated DMA, easy to confuse in debugging.`)))) : null);
  }
}
