// Items of the answers about a log: the server's sentence first, its verdict as a word, the facts behind it, and
// what to change. Members that an answer leaves out leave no row.

import { h, hexText } from '../dom.js';
import { FAULTS, MAPS } from '../log-marks.js';
import { changesList, facts, hostFacts, ifReported, pill, rangeLine } from '../parts.js';
import * as route from '../route.js';

const CERTAIN = { yes: 'bad', likely: 'warn' };

/** How an item is coloured, here and where its lines stand. */
export const toneOf = (item) => CERTAIN[item.is_msi ?? item.certainty] ?? 'plain';

const MSI_TITLES = { yes: 'An interrupt of a device did not arrive', likely: 'Probably an interrupt of a device did not arrive', no: 'A device’s access failed; it was no interrupt' };

/** {tone, title, because}: an item as a verdict that is read first. */
export function summaryOf(path, item) {
  const title = path === FAULTS ? MSI_TITLES[item.is_msi] ?? 'A device’s access failed'
    : path === MAPS ? `A map failed: ${words(item.verdict)}` : `A trace of ${words(item.kind)}`;
  return { tone: toneOf(item), title, because: item.because ?? '' };
}

/** The address space of the devices that an item names, on the machine that was asked about. */
function spaceLinks(platform, devices) {
  if (!platform) return null;
  const link = (device) => h('a', { href: route.link('space', { platform, device }) }, device ? `Address space of ${device}` : `Address space of ${platform}`);
  return h('p', { class: 'space-links' }, (devices?.length ? devices.slice(0, 6) : [null]).map((device) => [link(device), ' ']));
}

const words = (text) => String(text).replaceAll('_', ' ');
const address = (text) => (text ? hexText(text) : null);
const list = (values, shown) => (values?.length ? values.map(shown) : null);
const code = (text) => h('code', null, text);

const lines = (item) => [
  item.last_line && item.last_line !== item.line ? `Lines ${item.line} to ${item.last_line}` : `Line ${item.line}`,
  item.count > 1 ? `, ${item.count} times` : '',
];

function article(item, verdict, ...rest) {
  return h('article', { class: 'card', 'data-verdict': item.verdict ?? item.kind },
    h('header', null, h('span', null, verdict), h('span', { class: 'muted' }, item.line ? lines(item) : null)), rest);
}

const alternatives = (item, name) => (item.alternatives?.length ? facts([name, item.alternatives.map(hexText)]) : null);

/** The same line, if the machine's virtio-iommu reports an MSI region. */
const otherAnswer = (other, tone, name) => (other
  ? ifReported(other, h('p', null, pill(words(other.verdict), tone)), h('p', { class: 'because' }, other.because), changesList(other.changes), alternatives(other, name))
  : null);

/** One fault of POST /v1/fault-explanations. */
export function faultItem(item, platform) {
  return article(item,
    [pill(words(item.verdict), CERTAIN[item.is_msi]), ' ', item.incomplete ? pill('incomplete', 'warn') : null],
    h('p', { class: 'because' }, item.because),
    facts(
      ['Event', code(item.event)], ['Address', address(item.iova)], ['Access', item.access],
      ['An MSI', item.is_msi], ['Doorbell write', item.doorbell_write],
      ['In a window', item.in_window === null ? null : item.in_window ? 'yes' : 'no'], ['What happened', words(item.happened)],
      ['SMMU', code(item.smmu.name)], ['Stream', item.stream_id ? code(item.stream_id) : null],
      ['Substream', item.substream_id ? code(item.substream_id) : null], ['Client', item.client ? code(item.client) : null],
      ['Stalled', item.stalled ? 'yes' : null], ['Devices', list(item.devices, code)],
      ['Machines with a doorbell there', list(item.machines, (name) => h('span', null, name))],
      ['Window', item.window ? rangeLine(item.window) : null], ['Doorbell', address(item.doorbell)],
      ['Reason', item.reason ? words(item.reason) : null], ['First', item.first_time], ['Last', item.last_time]),
    changesList(item.changes), alternatives(item, 'Windows that would be reached'),
    spaceLinks(platform, item.devices),
    hostFacts(item.host_facts), otherAnswer(item.if_iommu_reports_msi, CERTAIN[item.if_iommu_reports_msi?.is_msi], 'Windows that would be reached'));
}

/** One failed map of POST /v1/map-failures. */
export function mapItem(item, platform) {
  const range = item.iova && item.last ? rangeLine({ start: item.iova, last: item.last }) : address(item.iova);
  return article(item,
    [pill(words(item.verdict), CERTAIN[item.certainty]), ' ', item.incomplete ? pill('cut off', 'warn') : null],
    h('p', { class: 'because' }, item.because),
    facts(
      ['Certainty', item.certainty], ['Failed', words(item.action)], ['Range', range],
      ['Errno', item.errno], ['Call', code(item.call)], ['Program', words(item.program)],
      ['Region', item.region], ['Locked memory limit', address(item.locked_memory_limit)],
      ['Device', item.device ? code(item.device) : null], ['Group', item.group]),
    item.blockers?.length ? h('div', null, h('h3', { class: 'sub' }, 'In the way'), h('ul', { class: 'plain' },
      item.blockers.map((blocker) => h('li', null, rangeLine(blocker.range), ' ', blocker.provenance)))) : null,
    item.candidates?.length ? h('div', null, h('h3', { class: 'sub' }, 'Perhaps'), h('ul', { class: 'plain' },
      item.candidates.map((candidate) => h('li', null, pill(words(candidate.verdict)), ' ', candidate.because)))) : null,
    changesList(item.changes), alternatives(item, 'Free at'), spaceLinks(platform, null),
    otherAnswer(item.if_iommu_reports_msi, CERTAIN[item.if_iommu_reports_msi?.certainty], 'Free at'));
}

/** One domain of a kernel trace. */
export function traceDomain(domain, platform) {
  const devices = domain.devices ?? (domain.device ? [domain.device] : null);
  return article(domain,
    pill(words(domain.kind)),
    facts(
      ['Domain', domain.index], ['Devices', list(devices, code)], ['Maps', domain.maps], ['Unmaps', domain.unmaps],
      ['Mapped at the end', domain.live], ['Addresses', domain.span ? rangeLine(domain.span) : null]),
    domain.doorbells.length ? h('div', null, h('h3', { class: 'sub' }, 'Doorbells'), h('ul', { class: 'plain' },
      domain.doorbells.map((doorbell) => h('li', null, hexText(doorbell.iova), ' → ', hexText(doorbell.physical), ` line ${doorbell.line}`)))) : null,
    spaceLinks(platform, null),
    domain.oddities.length ? h('div', null, h('h3', { class: 'sub' }, 'Odd'), h('ul', { class: 'plain' },
      domain.oddities.map((odd) => h('li', null, pill(words(odd.reason), 'warn'), ' ', hexText(odd.iova), ` line ${odd.line}: `, odd.detail)))) : null);
}

/** Lines of an SMMU, or of something like one, that report no fault. */
export function otherLines(others) {
  return others?.length ? h('details', { class: 'more' }, h('summary', null, `Other lines (${others.length})`),
    h('ul', { class: 'plain' }, others.map((other) => h('li', null, code(other.text), other.note ? [' ', other.note] : null)))) : null;
}
