// The first view: a machine, a device of it, its address space as a map and as a table, and every policy.

import { all, ask, segment } from '../api.js';
import { debounce, field, h, keepFocus, replace } from '../dom.js';
import { GIB4, MAX, hex, parseAmount, sizeName, span } from '../hex.js';
import { AddressMap } from '../map/map.js';
import { regionTable } from '../map/table.js';
import { problemPanel } from '../problems.js';
import { hostFacts, panel } from '../parts.js';
import { hostConditions, hostQuery, kernelField, pageField, showConditions } from '../condition-fields.js';
import { APERTURE_BITS, DEFAULT_PAGE, SECOND_BASE, viewOf } from '../conditions.js';
import { hint, named } from '../glossary.js';
import * as route from '../route.js';
import { Nothing, Shown } from '../shown.js';
import { DeviceList, deviceNames, likelyDevice, machineFacts } from './devices.js';
import { GuestOverlay, unread, unreadable } from './guest.js';
import { MachineAnswers } from './machine.js';
import { PlatformPicker } from './platforms.js';
import { PolicyPanel, decisionItems } from './policies.js';
import { deviceVerdict, machineVerdict } from './space-verdict.js';

/** How large the pages of an answer are: page zero is one, where it is withheld by itself. */
function pageBytes(withheld, { page_size: asked }) {
  const zero = withheld.items.find(({ kind }) => kind === 'page_zero');
  return zero ? BigInt(zero.last) + 1n : BigInt(asked ?? withheld.host_facts?.page_size ?? DEFAULT_PAGE);
}

const ANOTHER = { platform: null, device: null, view: null };

export class SpaceView {
  constructor(root, take) {
    this.root = root;
    // A log that is chosen here is meant as a machine's.
    this.take = (files) => take(files, 'machine');
    this.picker = new PlatformPicker((id) => this.go({ ...ANOTHER, platform: id }), this.take);
    this.devices = new DeviceList((name) => this.go({ device: name }));
    this.map = new AddressMap({ label: 'Address space of the device', name: () => document.title, onView: (lo, hi) => {
      if (this.shown.isStopped) return;
      const isFirst = lo === 0n && hi === GIB4 - 1n;
      route.write({ view: isFirst ? null : `${hex(lo)}-${hex(hi)}` });
    } });
    this.policies = new PolicyPanel(this.map, (id) => {
      route.write({ policy: id });
      this.drawPolicy();
    }, (answer) => this.guest.blockerOf(answer));
    this.machineAnswers = new MachineAnswers(this.policies);
    this.guest = new GuestOverlay((patch) => this.go(patch, false), (sentence) => this.shown.outdate(sentence));
    this.build();
  }

  build() {
    this.title = h('h1', null, 'Address space');
    this.facts = h('div', { class: 'machine' });
    this.conditions = h('form', { class: 'conditions', 'aria-label': 'Conditions', onsubmit: (event) => event.preventDefault() });
    this.verdict = h('div', { class: 'verdict-box' });
    this.table = h('div');
    this.views = h('div', { class: 'other-views' });
    this.start = h('div', { class: 'start' });
    this.machine = h('div', { class: 'machine-box' }, this.picker.element, this.devices.element);
    const answers = h('div', { class: 'content' },
      panel(null, { class: 'map-panel', 'aria-label': 'Map' }, this.map.element, this.guest.element),
      this.policies.element,
      panel('The same as a table', { class: 'table-panel' }, this.table),
      panel('What sysfs and VFIO show', null, this.views),
      panel('The device and its machine', null, this.facts));
    this.shown = new Shown({
      answers: [this.verdict, answers, this.devices.element], clear: () => this.clear(),
      retry: () => this.update(route.read().state), actions: [['Choose another machine', () => this.go(ANOTHER)]],
      unread: () => unread(this.root),
    });
    replace(this.root, h('div', { class: 'split with-lead' },
      h('div', { class: 'lead' }, this.title, this.shown.message, this.start, this.verdict),
      h('div', { class: 'side' }, panel('Machine', null, this.machine)),
      h('div', { class: 'content' }, this.conditions, answers)));
  }

  /** Changes the state in the address and follows it. */
  go(patch, push = true) {
    // A slider that was let go of when the view was left.
    if (this.shown.isStopped) return undefined;
    route.write(patch, { push });
    return this.update(route.read().state);
  }

  /** The name that somebody typed for what is brought next. */
  uploadName() {
    return this.picker.takeName();
  }

  /** A machine that was dropped. */
  takePlatform({ id }) {
    return this.go({ ...ANOTHER, platform: id });
  }

  stop() {
    this.shown.stop();
  }

  /** What belongs to a machine that is not the chosen one. */
  clear() {
    this.data = null;
    this.policies.clear();
    this.guest.ranges = [];
    this.map.setData({ last: MAX, lanes: [] });
    for (const element of [this.verdict, this.table, this.views, this.facts]) replace(element);
  }

  async update(state) {
    this.drawConditions(state);
    this.conditions.hidden = !state.platform;
    if (!state.platform) {
      this.shown.forget();
      this.drawTitle('iovad', 'Where interrupts of a device land in its address space, and why');
      document.title = 'iovad';
    }
    const { platform, device, kernel, page, bits, user, vmm, ram } = state;
    const key = JSON.stringify([platform, device, kernel, page, bits, user, vmm, ram]);
    const isAnswered = await this.shown.ask(
      key,
      (signal) => this.fetch(state, signal), (data) => this.draw(data, state));
    if (isAnswered === undefined) return;
    this.start.hidden = Boolean(state.platform);
    if (isAnswered || !state.platform) return;
    // What there is no answer about is named all the same, and the list shows what there is instead.
    this.drawTitle(state.device ?? state.platform, state.device ? state.platform : 'Nothing to show');
    document.title = `${state.platform} · iovad`;
    if (!this.picker.items) await this.picker.fetch().catch(() => null);
    if (this.shown.isStopped || this.shown.asked !== key) return;
    if (this.picker.items) this.picker.draw(this.picker.items.some(({ id }) => id === platform) ? platform : '');
  }

  drawTitle(name, words) {
    replace(this.title, h('span', null, name), h('small', null, words));
  }

  async fetch(state, signal) {
    const list = this.picker.fetch(signal);
    if (!state.platform) return { items: await list, welcome: (await import('./welcome.js')).welcome };
    const path = `/v1/platforms/${segment(state.platform)}`;
    // What does not depend on the machine is fetched beside it.
    const [platform, { items }] = await Promise.all([
      ask('GET', path, { signal }), all(`${path}/devices`, {}, 5000, signal), list,
      this.policies.catalogue(), this.guest.fetchCatalogue(signal),
    ]);
    const devices = deviceNames(items);
    const device = devices.find((one) => one.name === state.device) ?? likelyDevice(devices);
    if (!device) throw new Nothing(`${state.platform} has no device behind an SMMU, so no MSI uses a window here.${platform.findings.length ? ` What was read: ${platform.findings.map(({ detail }) => detail).join(' ')}` : ''}`);
    const context = this.context(state, device.name);
    const key = JSON.stringify([platform.id, platform.etag, context.conditions, context.user]);
    const [answers, machine] = await Promise.all([
      this.fetchDevice(path, device, context, state, signal),
      this.machineAnswers.fetch(key, devices, device.name, context, signal),
    ]);
    return { platform, devices, device, ...answers, machine };
  }

  /** What every question about a device of this state has. */
  context(state, device) {
    const bits = { aperture_bits: Number(state.bits) || APERTURE_BITS.usual };
    return { platform: state.platform, device, conditions: { ...hostConditions(state), ...bits }, user: state.user };
  }

  /** Everything about one device, at once. */
  async fetchDevice(path, device, context, state, signal) {
    const { conditions } = context;
    const query = { device: device.name, ...hostQuery(state), aperture_bits: conditions.aperture_bits };
    const view = (name, options) => ask('GET', `${path}/reserved-regions`, { query: { ...query, view: name }, signal, ...options }).catch((problem) => {
      if (problem.name === 'AbortError' || problem.status !== 422) throw problem;
      return problem;
    });
    const [withheld, room, results, ranges, sysfs, vfio] = await Promise.all([
      ask('GET', `${path}/reserved-regions`, { query: { ...query, view: 'dma' }, signal }),
      all(`${path}/available-windows`, query, 1000, signal),
      this.policies.fetch(context, signal),
      this.guest.fetch(state, signal),
      view('sysfs', { accept: 'text/plain' }), view('vfio'),
    ]);
    return { withheld, room, results, ranges, sysfs, vfio, last: (1n << BigInt(conditions.aperture_bits)) - 1n, page: pageBytes(withheld, conditions) };
  }

  draw(data, state) {
    this.picker.draw(state.platform);
    if (!data.device) {
      replace(this.start, data.welcome(data.items, this.take));
      return this.shown.mark('nothing');
    }
    const { platform, devices, device, withheld } = data;
    this.data = data;
    this.devices.set(devices, device.name);
    this.drawTitle(device.name, platform.model ?? state.platform);
    document.title = `${device.name} · iovad`;
    if (state.device && device.name !== state.device) {
      this.shown.message.append(h('p', { class: 'notice' }, `${state.platform} has no device ${state.device}; this is ${device.name}.`));
    }
    const none = withheld.no_dma_domain;
    replace(this.facts, machineFacts(platform, device), hostFacts(withheld.host_facts),
      none ? h('p', { class: 'notice no-dma-domain' }, `There is no DMA domain. ${none.because}`) : null);
    this.guest.draw(state, data.ranges);
    this.policies.draw(data.results, state.policy);
    this.drawPolicy();
    this.restoreView(state);
    this.drawViews(data);
    return undefined;
  }

  /** What depends on the policy that is chosen: the verdict and the map. */
  drawPolicy() {
    const current = this.policies.current();
    const { device } = this.data;
    this.blocker = this.guest.blockerOf(current.answer);
    const said = deviceVerdict(current, this.blocker);
    const machine = this.machineVerdict(current);
    if (machine) {
      said.element.querySelector('h2').prepend(`${device.name}: `);
      // A device that is served is no good news on a machine of which another is not.
      if (machine.tone !== 'good') said.element.classList.remove('good');
    }
    this.devices.mark(machine?.words);
    keepFocus(this.verdict, () => replace(this.verdict, machine?.element, said.element));
    this.shown.say(`${machine ? `${machine.title}. ` : ''}${device.name}: ${said.title}.`);
    this.drawMap();
  }

  /** The verdict on all devices under the policy of `current`; null where the shown device is all that counts. */
  machineVerdict(current) {
    const { platform, device, machine: { asked, known, left, disabled } } = this.data;
    if (asked.length === 1 && asked[0] === device.name) return null;
    const members = asked.map((name) => {
      const { answer, problem } = name === device.name ? current : known.get(name).find(({ policy }) => policy.id === current.policy.id);
      return { device: name, answer, problem, blocker: this.guest.blockerOf(answer) };
    });
    return machineVerdict(platform.id, members, { left, disabled, state: { ...route.read().state, view: null } });
  }

  restoreView(state) {
    const [lo, hi] = viewOf(state.view) ?? [0n, GIB4 - 1n];
    if (hi >= lo && (lo !== this.map.view.lo || hi !== this.map.view.hi)) this.map.jump(lo, hi);
  }

  drawConditions(state) {
    if (this.conditions.childElementCount) {
      showConditions(this.conditions, state);
      for (const [id, value] of [['bits', state.bits || String(APERTURE_BITS.usual)], ['user', state.user || SECOND_BASE]]) {
        const control = this.conditions.querySelector(`#${id}`);
        if (document.activeElement !== control) control.value = value;
      }
      return;
    }
    const number = h('input', { id: 'bits', type: 'number', min: APERTURE_BITS.min, max: APERTURE_BITS.max, value: state.bits || APERTURE_BITS.usual, onchange: (event) => this.go({ bits: Number(event.target.value) === APERTURE_BITS.usual ? null : event.target.value }) });
    const user = h('input', { id: 'user', type: 'text', size: 12, spellcheck: 'false', value: state.user || SECOND_BASE, oninput: debounce(400, (event) => {
      const start = parseAmount(event.target.value);
      event.target.setAttribute('aria-invalid', String(start === null));
      if (start !== null) this.go({ user: hex(start) }, false);
      else this.shown.outdate(unreadable(event.target.value));
    }) });
    replace(this.conditions,
      kernelField(state.kernel, (kernel) => this.go({ kernel })), pageField('Pages', state.page, (page) => this.go({ page })),
      hint('aperture', field('Aperture, bits', number)), hint('msi window', field('VMM’s window', user)));
  }

  drawMap() {
    const { withheld, room, last, page } = this.data;
    const item = (region, index) => ({ id: `r${index}`, kind: region.kind, ...span(region), note: region.provenance, seen: region.advertised ? 'sysfs and VFIO' : 'the kernel’s DMA allocator only', facts: [['Type', region.type ?? 'none'], ['Visible to user space', region.advertised ? 'yes' : 'no']] });
    const regions = withheld.items.map(item);
    const kept = withheld.items.map((region) => region.advertised);
    const limit = BigInt(withheld.dma_limit ?? MAX);
    const hidden = regions.filter((_, index) => !kept[index]);
    if (limit < last) hidden.push({ id: 'limit', kind: 'above_dma_limit', start: limit + 1n, last, note: `The device's DMA limit is ${hex(limit)}.`, seen: 'the kernel’s DMA allocator only' });
    const lanes = [
      { id: 'window', label: 'MSI window', items: decisionItems(this.policies.current(), page, this.blocker) },
      { id: 'hidden', label: 'Kernel only', items: hidden },
      { id: 'advertised', label: 'Advertised', items: regions.filter((_, index) => kept[index]) },
      { id: 'room', label: 'Room, 1 MiB', items: room.items.map((range, index) => ({ id: `a${index}`, kind: 'available', ...span(range), seen: 'available windows' })) },
      ...this.guest.lanes(),
    ];
    this.map.setData({ last, lanes });
    replace(this.table, regionTable(this.map, `What is in the address space, 0 to ${hex(last)}`));
  }

  drawViews({ sysfs, vfio }) {
    const lines = (text, name) => h('pre', { tabindex: '0', role: 'region', 'aria-label': name }, h('code', null, text));
    const usable = (items) => items.map((range) => {
      const { start, last } = span(range);
      return `${hex(start)} – ${hex(last)}  ${sizeName(last - start + 1n)}`;
    }).join('\n');
    replace(this.views,
      h('div', null, h('h3', null, named('sysfs', 'reserved region')), h('p', { class: 'muted' }, 'What reserved_regions of the device’s group contains.'),
        sysfs instanceof Error ? problemPanel(sysfs) : lines(sysfs || '(nothing)', 'reserved_regions')),
      h('div', null, h('h3', null, 'VFIO'), h('p', { class: 'muted' }, 'IOVA ranges that type1 reports as usable.'),
        vfio instanceof Error ? problemPanel(vfio) : lines(usable(vfio.items) || '(none)', 'usable ranges')));
  }
}
