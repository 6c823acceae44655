// Placement: hosts, a VMM and its memory in, where the window can go out. The answer follows every movement of the
// RAM slider; the request is shown as it is sent.

import { all, ask, segment } from '../api.js';
import { curlCommand } from '../curl.js';
import { announce, h, hexText, replace } from '../dom.js';
import { GIB4, hex, sizeName, span } from '../hex.js';
import { AddressMap } from '../map/map.js';
import { regionTable } from '../map/table.js';
import { curlBox, facts, hostFacts, ifReported, ownKernel, panel, pill, rangeLine, scrolledTable, warningsList } from '../parts.js';
import { hostQuery } from '../condition-fields.js';
import { DEFAULT_BASE, viewOf } from '../conditions.js';
import { problemPanel } from '../problems.js';
import { Renderings } from '../renderings.js';
import * as route from '../route.js';
import { Nothing, Shown } from '../shown.js';
import { banner } from '../verdicts.js';
import { guestItems, unread, vmms } from './guest.js';
import { PlacementForm, placementRequest } from './placement-form.js';

const VERDICTS = {
  default_works: ['good', 'The default window works'],
  movable: ['warn', 'The default does not work, another place does'],
  none: ['bad', 'No place fits'],
  ram_unmappable: ['bad', 'Some guest RAM cannot be mapped'],
  works_with_steal_time_off: ['warn', 'The VM works with steal time off'],
  bar_unmappable: ['bad', 'BARs of the guest are where a host cannot map them'],
  guest_contract_violation: ['bad', 'The guest was promised a window that the hosts cannot keep'],
};

/** Means that are nothing to promise: the VM would have to be another one, or there is none. */
const NOT_PROMISED = ['vmm_layout', 'none'];

const PICKS = [['nearest_default', 'Nearest to the default'], ['lowest', 'Lowest'], ['highest_below_4g', 'Highest below 4 GiB']];

/** Hosts that have a lane on the map, and devices of a host that are looked at for it. */
const HOSTS_DRAWN = 4;
const DEVICES_DRAWN = 32;

export class PlacementView {
  constructor(root) {
    this.map = new AddressMap({ label: 'Guest and host address space', name: () => `placement ${route.read().state.vmm ?? ''}`, onView: (lo, hi) => {
      if (!this.shown.isStopped) route.write({ view: lo === 0n && hi === GIB4 - 1n ? null : `${hex(lo)}-${hex(hi)}` });
    } });
    this.form = new PlacementForm((patch) => this.go(patch), (sentence) => this.shown.outdate(sentence));
    this.hosts = new Map();
    this.answer = h('div', { class: 'verdict-box' });
    this.rest = h('div', { class: 'content' });
    this.texts = new Renderings((format) => ask('POST', '/v1/placements', { json: this.asked, query: { format }, accept: '*/*' }));
    this.textsPanel = panel('To paste', { class: 'texts', hidden: true }, this.texts.element);
    this.proposal = h('div', { class: 'proposal' });
    this.refused = h('div', { 'aria-live': 'polite' });
    this.proposeButton = h('button', { type: 'button', class: 'button', 'data-action': 'propose', onclick: () => this.propose() }, 'Propose an agreement');
    this.request = h('div');
    this.table = h('div');
    const verdict = panel(null, { 'aria-label': 'Verdict' }, this.answer, this.proposal);
    const answers = h('div', { class: 'content' },
      panel(null, { class: 'map-panel', 'aria-label': 'Map' }, this.map.element),
      this.rest, this.textsPanel,
      panel('The same as a table', { class: 'table-panel' }, this.table));
    this.shown = new Shown({ answers: [verdict, answers], clear: () => this.clear(), retry: () => this.update(route.read().state), unread: () => unread(this.form.element) });
    replace(root, h('div', { class: 'split wide-side with-lead' },
      h('div', { class: 'lead' },
        h('h1', null, 'Placement', h('small', null, 'Where the MSI window can go, for these hosts and this guest')),
        this.shown.message, verdict),
      h('div', { class: 'side' }, this.form.element),
      h('div', { class: 'content' }, answers, panel('The request', null, this.request))));
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
    this.map.setData({ last: (1n << 48n) - 1n, lanes: [] });
    for (const element of [this.answer, this.proposal, this.rest, this.table]) replace(element);
    this.textsPanel.hidden = true;
  }

  /** A machine that was dropped is one more host. */
  async takePlatform(platform) {
    // It may have taken another's place.
    this.hosts.clear();
    this.form.devices.delete(platform.id);
    this.platforms = (await all('/v1/platforms', {}, 2000)).items;
    await this.form.addHost(platform, this.platforms);
  }

  update(state) {
    const { view, ...question } = state;
    return this.shown.ask(JSON.stringify(question), (signal) => this.fetch(state, signal), (data) => this.draw(data, state));
  }

  async fetch(state, signal) {
    this.catalogue ??= (await vmms(signal)) ?? [];
    this.platforms ??= (await all('/v1/platforms', {}, 2000, signal)).items;
    if (!this.platforms.length) throw new Nothing('This server holds no machine to place a guest on. Drop a device tree, ACPI tables or collected JSON.');
    this.form.complete(state, this.platforms);
    const request = placementRequest(state, this.catalogue, this.platforms);
    // Shown before it is asked: a refusal is of this request.
    replace(this.request, curlBox(curlCommand('POST', '/v1/placements', request)));
    await this.form.set(state, this.catalogue);
    // What is wrong with a guest or a host is said of the placement, whose words say where.
    const kept = (promise) => promise.catch((problem) => problem);
    const guest = request.vm.vmm ? kept(ask('GET', `/v1/vmms/${segment(request.vm.vmm)}`, { query: this.guestQuery(request.vm), signal })) : null;
    const hosts = kept(this.loadHosts(request, hostQuery(state), signal));
    const answer = await ask('POST', '/v1/placements', { json: request, signal });
    const [vmm, failure] = await Promise.all([guest, hosts]);
    for (const problem of [vmm, failure]) if (problem instanceof Error) throw problem;
    return { answer, request, vmm, scope: await this.scope(request) };
  }

  draw({ answer, request, vmm, scope }, state) {
    this.asked = request;
    this.drawAnswer(answer, scope);
    this.texts.show(answer.renderings);
    this.textsPanel.hidden = answer.renderings.length === 0;
    this.drawProposal(answer);
    this.drawMap(answer, vmm, request);
    const view = viewOf(state.view);
    if (view && !this.restored) this.map.jump(...view);
    this.restored = true;
  }

  /** One step from the answer to hosts that keep it. */
  drawProposal({ mechanism }) {
    replace(this.refused);
    if (NOT_PROMISED.includes(mechanism.kind)) replace(this.proposal);
    // The same button for every answer: it keeps the focus, and is off while another answer is proposed.
    else if (!this.proposal.childElementCount) replace(this.proposal, this.proposeButton, this.refused);
  }

  async propose() {
    const { asked, proposeButton: button } = this;
    const hadFocus = document.activeElement === button;
    button.disabled = true;
    replace(this.refused);
    try {
      const { id } = await ask('POST', '/v1/agreements', { json: asked });
      if (this.shown.isStopped) return;
      announce(`Agreement ${id} was proposed.`);
      route.go('agreements', { agreement: id });
    } catch (problem) {
      button.disabled = false;
      // Who pressed it by keyboard lost the place when it was disabled.
      if (hadFocus && document.activeElement === document.body) button.focus();
      if (asked === this.asked) replace(this.refused, problemPanel(problem));
    }
  }

  guestQuery(vm) {
    return { ram: vm.ram, maxmem: vm.maxmem, slots: vm.slots, p2p: vm.p2p, ipa_bits: vm.ipa_bits };
  }

  /** What each host withholds, for its lane of the map; asked once a host and conditions. */
  async loadHosts(request, conditions, signal) {
    const key = JSON.stringify(conditions);
    if (this.hostsKey !== key) this.hosts.clear();
    this.hostsKey = key;
    await Promise.all(request.hosts.slice(0, HOSTS_DRAWN).map(async (host) => {
      const name = hostKey(host);
      if (this.hosts.has(name)) return;
      const devices = host.devices ?? (await this.form.devicesOf(host.platform)).map((device) => device.name);
      const answers = await Promise.all(devices.slice(0, DEVICES_DRAWN).map((device) =>
        ask('GET', `/v1/platforms/${segment(host.platform)}/reserved-regions`, { query: { device, ...conditions, view: 'dma' }, signal })));
      if (this.hostsKey === key) this.hosts.set(name, merged(answers, devices));
    }));
  }

  /** For which devices the answer is: "all 6 devices of a; 1 of 3 devices of b". */
  async scope(request) {
    const parts = await Promise.all(request.hosts.map(async ({ name, platform, devices }) => {
      const { length } = await this.form.devicesOf(platform);
      if (length === 1) return `the one device of ${name}`;
      return devices ? `${devices.length} of ${length} devices of ${name}` : `all ${length} devices of ${name}`;
    }));
    return `For ${parts.join('; ')}.`;
  }

  drawAnswer(answer, scope) {
    const [tone, title] = VERDICTS[answer.verdict] ?? ['plain', answer.verdict];
    const chosen = answer.picks?.nearest_default;
    const copyable = (value) => (value ? hexText(value) : h('span', { class: 'muted' }, 'none'));
    replace(this.answer,
      banner(tone, title, { 'data-verdict': answer.verdict }, h('p', null, answer.because), h('p', { class: 'verdict-policy' }, scope)),
      h('dl', { class: 'picks' }, PICKS.map(([name, label]) => h('div', { 'data-pick': name }, h('dt', null, label), h('dd', null, copyable(answer.picks?.[name]))))),
      facts(
        ['Window size', answer.size ? [hexText(answer.size), h('span', { class: 'muted' }, sizeName(BigInt(answer.size)))] : null],
        ['Largest RAM that fits', answer.max_ram ? [hexText(answer.max_ram), h('span', { class: 'muted' }, sizeName(BigInt(answer.max_ram)))] : null],
        ['How', h('span', { 'data-mechanism': answer.mechanism.kind }, answer.mechanism.because)],
        ['iommufd options', answer.mechanism.kind === 'iommufd_options' ? h('code', null, `SW_MSI_START ${answer.iommufd_options.sw_msi_start}, SW_MSI_SIZE ${answer.iommufd_options.sw_msi_size_mib} (MiB)`) : null]),
      answer.remedies.length ? h('section', { class: 'remedies' }, h('h3', null, 'What would make Linux’s own window work'),
        h('ul', { class: 'plain' }, answer.remedies.map((remedy) => h('li', { 'data-remedy': remedy.kind }, remedy.detail)))) : null,
      warningsList(answer.warnings),
      this.otherAnswer(answer.if_iommu_reports_msi));
    this.shown.say(`${title}. ${chosen ? `Nearest ${chosen}.` : ''}`);
    const { blockers } = answer.default;
    replace(this.rest,
      blockers.length ? panel('Why the default does not work', null, h('ul', { class: 'plain' }, blockers.map((blocker) => h('li', null, pill(blocker.host ?? blocker.vm ?? 'guest'), ' ', blocker.range ? rangeLine(blocker.range) : null, ' ', blocker.provenance ?? '', ' ', h('code', { class: 'muted' }, blocker.kind))))) : null,
      answer.per_host?.length ? panel('Each host', null, this.perHost(answer.per_host)) : null);
  }

  /** What the hosts are if their virtio-iommus report MSI regions. */
  otherAnswer(other) {
    if (!other) return null;
    const [tone, title] = VERDICTS[other.verdict] ?? ['plain', other.verdict];
    return ifReported(other, h('p', null, pill(title, tone)), h('p', { class: 'because' }, other.because),
      h('p', null, PICKS.map(([name, label]) => [label, ' ', h('code', null, other.picks?.[name] ?? 'none'), '. '])), warningsList(other.warnings));
  }

  perHost(list) {
    const tone = { default_works: 'good', movable: 'warn', works_with_steal_time_off: 'warn' };
    return scrolledTable('Each host', { caption: 'What each host would answer alone', columns: ['Host', 'Verdict', ...PICKS.map(([, label]) => label)] },
      list.map((host) => h('tr', null,
        h('th', { scope: 'row' }, host.host, ownKernel(host) ? h('p', { class: 'muted' }, ownKernel(host)) : null, hostFacts(host.host_facts)),
        h('td', null, pill(host.verdict.replaceAll('_', ' '), tone[host.verdict] ?? 'bad')),
        PICKS.map(([name]) => h('td', null, h('code', null, host.picks?.[name] ?? '–'))))));
  }

  drawMap(answer, vmm, request) {
    const size = BigInt(answer.size ?? request.window?.size ?? '0x100000');
    const start = BigInt(DEFAULT_BASE);
    const picks = PICKS.map(([name, label]) => [name, label, answer.picks?.[name]]).filter(([, , value]) => value);
    const pickItems = picks.map(([name, label, value]) => ({ id: `pick-${name}`, kind: 'pick', start: BigInt(value), last: BigInt(value) + size - 1n, mark: true, title: `Pick: ${label}`, label: name.replaceAll('_', ' '), seen: 'picks' }));
    const ranges = vmm?.occupied ?? [];
    const lanes = [
      { id: 'default', label: 'Default', items: [defaultItem(answer.default, start, start + size - 1n)] },
      { id: 'picks', label: 'Picks', items: pickItems },
      { id: 'candidates', label: 'Candidates', items: (answer.candidates ?? []).map((range, index) => ({ id: `c${index}`, kind: 'candidate', ...span(range), seen: 'candidates' })) },
      { id: 'guest', label: 'Guest', items: guestItems(ranges) },
      ...(answer.unmappable?.length ? [{ id: 'unmappable', label: 'Unmappable', items: answer.unmappable.map((entry, index) => ({ id: `u${index}`, kind: 'unmappable', ...span(entry.range ?? entry), note: entry.provenance, mark: true, seen: 'unmappable' })) }] : []),
      ...request.hosts.slice(0, HOSTS_DRAWN).flatMap((host) => {
        const items = this.hosts.get(hostKey(host));
        return items ? [{ id: host.name, label: host.name, items: items.map((region, index) => ({ id: `${host.name}-${index}`, kind: region.kind, ...span(region), note: `${region.provenance} (${region.of})`, seen: `${host.platform}, ${region.advertised ? 'advertised' : 'kernel only'}` })) }] : [];
      }),
    ];
    this.map.setData({ last: (1n << 48n) - 1n, lanes });
    replace(this.table, regionTable(this.map, 'Window, guest and hosts'));
  }
}

/** Which devices of which platform a host of a request is. */
const hostKey = ({ platform, devices }) => JSON.stringify([platform, devices]);

/** What is withheld from any of the devices, each region once, with `of`: whose it is. */
function merged(answers, devices) {
  const regions = new Map();
  for (const [index, { items }] of answers.entries()) {
    for (const region of items) {
      const key = JSON.stringify([region.kind, region.start, region.last, region.advertised, region.provenance]);
      if (!regions.has(key)) regions.set(key, { region, names: [] });
      regions.get(key).names.push(devices[index]);
    }
  }
  return [...regions.values()].map(({ region, names }) => ({ ...region, of: names.length === answers.length && names.length > 1 ? 'every device' : names.join(', ') }));
}

/** The default window on the map: who is in the way decides what it is called. */
function defaultItem({ works, reachability, blockers }, start, last) {
  const isOfHost = blockers.some((blocker) => blocker.host);
  const [kind, title] = works ? ['window', 'Default window, works']
    : !isOfHost ? ['window_blocked', 'Default window, blocked by the guest']
    : reachability === 'conditional' ? ['window_conditional', 'Default window, in a PCI window of a host']
    : ['window_unreachable', 'Default window, does not work'];
  return { id: 'default', kind, start, last, mark: true, title, note: blockers.map((blocker) => blocker.provenance).filter(Boolean).join('; ') || null, seen: 'default' };
}
