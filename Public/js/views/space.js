// The first view: a machine, a device of it, its address space as a map and as a table, and every policy.

import { all, ask, segment } from '../api.js';
import { announce, debounce, field, h, replace } from '../dom.js';
import { GIB4, MAX, hex, parseAmount, sizeName, span } from '../hex.js';
import { AddressMap } from '../map/map.js';
import { regionTable } from '../map/table.js';
import { problemPanel } from '../problems.js';
import { busy, hostFacts, panel } from '../parts.js';
import { hostConditions, hostQuery, kernelField, pageField, showConditions } from '../condition-fields.js';
import { APERTURE_BITS, DEFAULT_PAGE, SECOND_BASE, viewOf } from '../conditions.js';
import * as route from '../route.js';
import { DeviceList, deviceNames, likelyDevice, machineFacts } from './devices.js';
import { GuestOverlay } from './guest.js';
import { PlatformPicker } from './platforms.js';
import { PolicyPanel, decisionItems } from './policies.js';

/** How large the pages of an answer are: page zero is one, where it is withheld by itself. */
function pageBytes(withheld, { page_size: asked }) {
  const zero = withheld.items.find(({ kind }) => kind === 'page_zero');
  return zero ? BigInt(zero.last) + 1n : BigInt(asked ?? withheld.host_facts?.page_size ?? DEFAULT_PAGE);
}

export class SpaceView {
  constructor(root) {
    this.root = root;
    this.picker = new PlatformPicker((id) => this.go({ platform: id, device: null, view: null }));
    this.devices = new DeviceList((name) => this.go({ device: name }));
    this.map = new AddressMap({ label: 'Address space of the device', onView: (lo, hi) => {
      const isFirst = lo === 0n && hi === GIB4 - 1n;
      route.write({ view: isFirst ? null : `${hex(lo)}-${hex(hi)}` });
    } });
    this.policies = new PolicyPanel(this.map, (id) => {
      route.write({ policy: id });
      this.drawMap();
    });
    this.guest = new GuestOverlay((patch) => this.go(patch, false));
    this.build();
  }

  build() {
    this.title = h('h1', null, 'Address space');
    this.facts = h('div', { class: 'machine' });
    this.conditions = h('form', { class: 'conditions', 'aria-label': 'Conditions', onsubmit: (event) => event.preventDefault() });
    this.message = h('div');
    this.table = h('div');
    this.views = h('div', { class: 'other-views' });
    replace(this.root, h('div', { class: 'split' },
      h('div', { class: 'side' }, panel('Machine', null, this.picker.element, this.devices.element)),
      h('div', { class: 'content' },
        h('div', { class: 'head' }, this.title, this.conditions),
        this.message,
        panel(null, { class: 'map-panel', 'aria-label': 'Map' }, this.map.element, this.guest.element),
        this.policies.element,
        panel('The same as a table', { class: 'table-panel' }, this.table),
        panel('What sysfs and VFIO show', null, this.views),
        panel('The device and its machine', null, this.facts))));
  }

  /** Changes the state in the address and follows it. */
  go(patch, push = true) {
    route.write(patch, { push });
    this.update(route.read().state);
  }

  stop() {
    this.abort?.abort();
    this.picker.stop();
  }

  async update(state) {
    this.abort?.abort();
    const { signal } = (this.abort = new AbortController());
    try {
      await this.load(state, signal);
    } catch (problem) {
      if (problem.name === 'AbortError') return;
      replace(this.message, problemPanel(problem, ['Try again', () => this.update(route.read().state)], ['Start again', () => this.go({ platform: null, device: null })]));
    }
  }

  async load(state, signal) {
    const known = this.picker.ids ? null : await this.picker.refresh(state.platform);
    const platformID = state.platform || this.platform?.id || known?.[0]?.id || this.picker.ids[0];
    const path = `/v1/platforms/${segment(platformID)}`;
    if (this.platform?.id !== platformID || !state.platform) {
      const [platform, list] = await Promise.all([ask('GET', path, { signal }), all(`${path}/devices`, {}, 5000, signal)]);
      this.platform = platform;
      this.list = deviceNames(list.items);
      const control = this.picker.list.querySelector('select');
      if (control) control.value = platformID;
    }
    const device = this.list.find((one) => one.name === state.device) ?? likelyDevice(this.list);
    this.devices.set(this.list, device?.name);
    replace(this.facts, machineFacts(this.platform, device));
    replace(this.title, h('span', null, device?.name ?? platformID), h('small', null, this.platform.model ?? platformID));
    document.title = `${device?.name ?? platformID} · iovad`;
    replace(this.message, state.device && device?.name !== state.device
      ? h('p', { class: 'notice' }, `${platformID} has no device ${state.device}; this is ${device?.name}.`) : null);
    this.drawConditions(state);
    if (!device) {
      replace(this.message, h('p', { class: 'notice' }, 'This machine has no device behind an SMMU, so no MSI uses a window here. The findings below say what was read.'));
      return this.map.setData({ last: MAX, lanes: [] });
    }
    await this.loadDevice(path, platformID, device, state, signal);
    return undefined;
  }

  async loadDevice(path, platform, device, state, signal) {
    const bits = { aperture_bits: Number(state.bits) || APERTURE_BITS.usual };
    const conditions = { ...hostConditions(state), ...bits };
    const query = { device: device.name, ...hostQuery(state), ...bits };
    const [withheld, room] = await Promise.all([
      ask('GET', `${path}/reserved-regions`, { query: { ...query, view: 'dma' }, signal }),
      all(`${path}/available-windows`, query, 1000, signal),
    ]);
    this.data = { withheld, room, last: (1n << BigInt(bits.aperture_bits)) - 1n, page: pageBytes(withheld, conditions) };
    const none = withheld.no_dma_domain;
    replace(this.facts, machineFacts(this.platform, device), hostFacts(withheld.host_facts),
      none ? h('p', { class: 'notice no-dma-domain' }, `There is no DMA domain. ${none.because}`) : null);
    this.drawMap();
    this.restoreView(state);
    await Promise.all([
      this.policies.load({ platform, device: device.name, conditions, user: state.user }, state.policy, signal).then(() => this.drawMap()),
      this.guest.load(state, signal).then(() => this.drawMap()),
      this.loadViews(path, query, signal),
    ]);
    announce(`${device.name}: ${withheld.items.length} ranges are withheld.`);
  }

  restoreView(state) {
    const [lo, hi] = viewOf(state.view) ?? [0n, GIB4 - 1n];
    if (hi >= lo && (lo !== this.map.view.lo || hi !== this.map.view.hi)) this.map.jump(lo, hi);
  }

  drawConditions(state) {
    if (this.conditions.childElementCount) {
      showConditions(this.conditions, state);
      for (const [name, value] of [['bits', state.bits || String(APERTURE_BITS.usual)], ['user', state.user || SECOND_BASE]]) {
        const control = this.conditions.querySelector(`#${name}`);
        if (document.activeElement !== control) control.value = value;
      }
      return;
    }
    const number = h('input', { id: 'bits', type: 'number', min: APERTURE_BITS.min, max: APERTURE_BITS.max, value: state.bits || APERTURE_BITS.usual, onchange: (event) => this.go({ bits: Number(event.target.value) === APERTURE_BITS.usual ? null : event.target.value }) });
    const user = h('input', { id: 'user', type: 'text', size: 12, spellcheck: 'false', value: state.user || SECOND_BASE, oninput: debounce(400, (event) => {
      const start = parseAmount(event.target.value);
      event.target.setAttribute('aria-invalid', String(start === null));
      if (start !== null) this.go({ user: hex(start) }, false);
    }) });
    replace(this.conditions,
      kernelField(state.kernel, (kernel) => this.go({ kernel })), pageField('Pages', state.page, (page) => this.go({ page })),
      field('Aperture, bits', number), field('VMM’s window', user));
  }

  drawMap() {
    if (!this.data) return;
    const { withheld, room, last } = this.data;
    const item = (region, index) => ({ id: `r${index}`, kind: region.kind, ...span(region), note: region.provenance, seen: region.advertised ? 'sysfs and VFIO' : 'the kernel’s DMA allocator only', facts: [['Type', region.type ?? 'none'], ['Visible to user space', region.advertised ? 'yes' : 'no']] });
    const regions = withheld.items.map(item);
    const kept = withheld.items.map((region) => region.advertised);
    const limit = BigInt(withheld.dma_limit ?? MAX);
    const hidden = regions.filter((_, index) => !kept[index]);
    if (limit < last) hidden.push({ id: 'limit', kind: 'above_dma_limit', start: limit + 1n, last, note: `The device's DMA limit is ${hex(limit)}.`, seen: 'the kernel’s DMA allocator only' });
    const policy = this.policies.results ? this.policies.current() : null;
    const lanes = [
      { id: 'window', label: 'MSI window', items: policy ? decisionItems(policy, this.data.page) : [] },
      { id: 'hidden', label: 'Kernel only', items: hidden },
      { id: 'advertised', label: 'Advertised', items: regions.filter((_, index) => kept[index]) },
      { id: 'room', label: 'Room, 1 MiB', items: room.items.map((range, index) => ({ id: `a${index}`, kind: 'available', ...span(range), seen: 'available windows' })) },
      ...this.guest.lanes(),
    ];
    this.map.setData({ last, lanes });
    replace(this.table, regionTable(this.map, `What is in the address space, 0 to ${hex(last)}`));
  }

  async loadViews(path, query, signal) {
    if (!this.views.childElementCount) replace(this.views, busy('Asking …'));
    const view = (name, options) => ask('GET', `${path}/reserved-regions`, { query: { ...query, view: name }, signal, ...options }).catch((problem) => {
      if (problem.name === 'AbortError') throw problem;
      return problem;
    });
    const [text, ranges] = await Promise.all([view('sysfs', { accept: 'text/plain' }), view('vfio')]);
    replace(this.views,
      h('div', null, h('h3', null, 'sysfs'), h('p', { class: 'muted' }, 'What reserved_regions of the device’s group contains.'),
        text instanceof Error ? problemPanel(text) : h('pre', { tabindex: '0', role: 'region', 'aria-label': 'reserved_regions' }, h('code', null, text || '(nothing)'))),
      h('div', null, h('h3', null, 'VFIO'), h('p', { class: 'muted' }, 'IOVA ranges that type1 reports as usable.'),
        ranges instanceof Error ? problemPanel(ranges) : h('pre', { tabindex: '0', role: 'region', 'aria-label': 'usable ranges' }, h('code', null, ranges.items.map((range) => {
          const { start, last } = span(range);
          return `${hex(start)} – ${hex(last)}  ${sizeName(last - start + 1n)}`;
        }).join('\n') || '(none)'))));
  }
}
