// The question of a placement as a form, kept in the address so that a link asks the same again.

import { hostConditions, kernelField, pageField, showConditions } from '../condition-fields.js';
import { DOORBELLS_MAX } from '../conditions.js';
import { all, segment } from '../api.js';
import { debounce, field, h, icon, keepFocus, replace, select } from '../dom.js';
import { hex, parseAmount } from '../hex.js';
import { hint, term } from '../glossary.js';
import { panel } from '../parts.js';
import { deviceNames } from './devices.js';
import { ramField, ramOf, unreadable } from './guest.js';

const VIOMMUS = [['none', 'none'], ['virtio_iommu', 'virtio-iommu'], ['nested_smmuv3', 'nested SMMUv3']];

/** Hosts of the address: platform!device!device|platform!...; a platform without devices gives all of its enabled ones. */
export function hostsOf(text) {
  return (text ?? '').split('|').filter(Boolean).map((part) => {
    const [platform, ...devices] = part.split('!').map(decodeURIComponent);
    return { platform, devices };
  });
}

const hostsText = (hosts) => hosts.map(({ platform, devices }) => [platform, ...devices].map((name) => encodeURIComponent(name).replaceAll('!', '%21').replaceAll('%2F', '/').replaceAll('%40', '@')).join('!')).join('|');

/** What a host gives where nobody chose. */
function allOf(count) {
  if (!count) return 'No device behind an SMMU';
  return count === 1 ? 'Its one device behind an SMMU' : `All ${count} devices behind an SMMU`;
}

/** The request that a state of the form means. */
export function placementRequest(state, catalogue, platforms) {
  const hosts = hostsOf(state.hosts);
  const used = new Map();
  const vm = { vmm: state.vmm || catalogue[0]?.id, ram: state.ram || '0x100000000', p2p: state.p2p === '1' };
  if (state.maxmem) vm.maxmem = state.maxmem;
  if (state.slots) vm.slots = Number(state.slots);
  if (state.viommu && state.viommu !== 'none') vm.viommu = state.viommu;
  if (state.ipa) vm.ipa_bits = Number(state.ipa);
  const window = { movable: state.movable !== '0', msi_32bit_only: state.msi32 === '1' };
  if (state.size) window.size = state.size;
  if (state.requested) window.requested = state.requested;
  const named = (hosts.length ? hosts : [{ platform: platforms[0]?.id, devices: [] }]).map(({ platform, devices }) => {
    const count = (used.get(platform) ?? 0) + 1;
    used.set(platform, count);
    return { name: count > 1 ? `${platform}-${count}` : platform, platform, ...(devices.length ? { devices } : {}) };
  });
  const capabilities = state.options === '1' ? { capabilities: ['iommufd_sw_msi_options'] } : {};
  return { hosts: named, vm, window, ...hostConditions(state), ...capabilities, doorbell_count: Number(state.doorbells) || 1 };
}

export class PlacementForm {
  constructor(onChange, onUnreadable) {
    Object.assign(this, { onChange, onUnreadable });
    this.soon = debounce(40, onChange);
    this.element = h('form', { class: 'stack', onsubmit: (event) => event.preventDefault() });
    this.hostList = h('div', { class: 'stack' });
    this.devices = new Map();
  }

  /** Where a link names no host: the first machine that has devices, the QEMU one before others. */
  complete(state, platforms) {
    this.state = state;
    this.platforms = platforms;
    if (hostsOf(state.hosts).length) return;
    const useful = platforms.filter((platform) => platform.devices > 0);
    const first = useful.find((platform) => platform.id.includes('qemu')) ?? useful[0] ?? platforms[0];
    state.hosts = hostsText([{ platform: first.id, devices: [] }]);
  }

  async set(state, catalogue) {
    await this.drawHosts(hostsOf(state.hosts));
    if (!this.element.childElementCount) this.build(state, catalogue);
    else this.show(state, catalogue);
  }

  /** Brings the fields to what the link says; one that somebody types in is left alone. */
  show(state, catalogue) {
    const texts = { vmm: state.vmm ?? catalogue[0]?.id, maxmem: state.maxmem, slots: state.slots, viommu: state.viommu ?? 'none', ipa: state.ipa, requested: state.requested, size: state.size, doorbells: state.doorbells };
    for (const [id, text] of Object.entries(texts)) {
      const control = this.element.querySelector(`#${id}`);
      if (control === document.activeElement) continue;
      control.value = text ?? '';
      control.removeAttribute('aria-invalid');
    }
    for (const [id, on] of [['p2p', state.p2p === '1'], ['movable', state.movable !== '0'], ['options', state.options === '1'], ['msi32', state.msi32 === '1']]) this.element.querySelector(`#${id}`).checked = on;
    showConditions(this.element, state);
    this.ram.show(ramOf(state.ram));
  }

  /** The devices of a platform; none where the server does not know it, which the placement will say. */
  async devicesOf(platform) {
    if (!this.devices.has(platform)) {
      const { items } = await all(`/v1/platforms/${segment(platform)}/devices`, {}, 4096).catch((problem) => {
        if (problem.status === 404) return { items: [] };
        throw problem;
      });
      if (!items.length) return [];
      this.devices.set(platform, deviceNames(items).filter((device) => device.active));
    }
    return this.devices.get(platform);
  }

  change(hosts) {
    return this.onChange({ hosts: hostsText(hosts) });
  }

  async drawHosts(hosts) {
    const key = hostsText(hosts);
    if (key === this.drawnHosts) return;
    const rows = await Promise.all(hosts.map(async (host, index) => this.hostRow(hosts, host, index, await this.devicesOf(host.platform))));
    this.drawnHosts = key;
    // A list that somebody opened stays open.
    const open = [...this.hostList.querySelectorAll('.host details')].map((details) => details.open);
    for (const [index, row] of rows.entries()) if (open[index]) row.querySelector('details').open = true;
    const add = h('button', { type: 'button', class: 'button small', onclick: () => {
      const useful = this.platforms.filter((platform) => platform.devices > 0);
      this.addHost(useful.find((platform) => !hosts.some((host) => host.platform === platform.id)) ?? useful[0] ?? this.platforms[0]);
    } }, icon('plus'), 'Add a host');
    keepFocus(this.hostList, () => replace(this.hostList, rows, add));
  }

  addHost({ id }, platforms = this.platforms) {
    this.platforms = platforms;
    this.drawnHosts = null;
    return this.change([...hostsOf(this.state.hosts), { platform: id, devices: [] }]);
  }

  hostRow(hosts, host, index, devices) {
    const replaceHost = (next) => this.change(hosts.map((other, at) => (at === index ? next : other)));
    const names = this.platforms.map(({ id }) => id);
    const choice = select([...(names.includes(host.platform) ? [] : [host.platform]), ...names].map((id) => [id, id]), host.platform, (platform) => replaceHost({ platform, devices: [] }));
    const all = devices.map(({ name }) => name);
    const isAll = !host.devices.length;
    const chosen = new Set(isAll ? all : host.devices);
    const toggle = (name, on) => {
      const next = all.filter((other) => (other === name ? on : chosen.has(other)));
      // A placement is of one device at least, and all of them need no names.
      replaceHost({ ...host, devices: next.length === all.length ? [] : next });
    };
    const unknown = host.devices.filter((name) => !all.includes(name));
    return h('fieldset', { class: 'host' },
      h('legend', null, `Host ${index + 1}`),
      h('div', { class: 'host-head' }, field('Platform', choice),
        hosts.length > 1 ? h('button', { type: 'button', class: 'quiet', 'aria-label': `Remove host ${index + 1}`, onclick: () => this.change(hosts.filter((_, at) => at !== index)) }, icon('close')) : null),
      h('details', { class: 'more', open: devices.length < 4 || !isAll },
        h('summary', null, isAll ? allOf(devices.length) : `${chosen.size - unknown.length} of ${devices.length} devices`),
        h('div', { class: 'device-checks' }, devices.map((device) => h('label', { class: 'check' },
          h('input', { type: 'checkbox', checked: chosen.has(device.name), disabled: chosen.size === 1 && chosen.has(device.name), onchange: (event) => toggle(device.name, event.target.checked) }),
          h('span', { class: 'device-name' }, device.name))),
        unknown.map((name) => h('label', { class: 'check' },
          h('input', { type: 'checkbox', checked: true, onchange: () => toggle(name, false) }),
          h('span', { class: 'device-name' }, name), h('span', { class: 'muted' }, 'not on this machine')))),
        isAll ? null : h('button', { type: 'button', class: 'button small', onclick: () => replaceHost({ ...host, devices: [] }) }, devices.length === 1 ? 'Take its one device' : `Take all ${devices.length}`)));
  }

  build(state, catalogue) {
    const ram = ramField('RAM', ramOf(state.ram), (next) => this.soon({ ram: hex(next) }), this.onUnreadable);
    ram.slider.id = 'ram';
    ram.element.querySelector('label').setAttribute('for', 'ram');
    ram.exact.id = 'ram-exact';
    this.ram = ram;
    const amount = (id, name, placeholder) => h('input', { id, type: 'text', size: 12, spellcheck: 'false', placeholder, value: state[name] ?? '', oninput: debounce(300, (event) => {
      const text = event.target.value.trim();
      const value = text ? parseAmount(text) : null;
      const isUnreadable = Boolean(text) && value === null;
      event.target.setAttribute('aria-invalid', String(isUnreadable));
      if (isUnreadable) this.onUnreadable(unreadable(text));
      else this.onChange({ [name]: value === null ? null : hex(value) });
    }) });
    const count = (id, name, min, max, placeholder) => h('input', { id, type: 'number', min, max, placeholder, value: state[name] ?? '', onchange: (event) => this.onChange({ [name]: event.target.value || null }) });
    const check = (id, text, on, patch) => h('label', { class: 'check' }, h('input', { id, type: 'checkbox', checked: on, onchange: (event) => this.onChange(patch(event.target.checked)) }), text);
    const named = (id, control) => Object.assign(control, { id });
    replace(this.element,
      panel('Guest', null, h('div', { class: 'stack' },
        field('VMM', named('vmm', select(catalogue.map((vmm) => [vmm.id, vmm.name]), state.vmm ?? catalogue[0]?.id, (vmm) => this.onChange({ vmm })))),
        ram.element,
        h('details', { class: 'more' }, h('summary', null, 'More about the guest'), h('div', { class: 'stack' },
          hint('maxmem', field('Largest RAM (maxmem)', amount('maxmem', 'maxmem', 'none'), 'For example 128G, if memory can be plugged in.')),
          field('Memory slots', count('slots', 'slots', 0, 256, '0')),
          hint('viommu', field('vIOMMU', named('viommu', select(VIOMMUS, state.viommu ?? 'none', (viommu) => this.onChange({ viommu }))))),
          hint('ipa', field('IPA bits', count('ipa', 'ipa', 32, 52, 'the VMM’s'))),
          h('div', { class: 'label-line' }, check('p2p', 'Peer-to-peer DMA between devices', state.p2p === '1', (on) => ({ p2p: on ? '1' : null })), term('peer-to-peer')))))),
      panel('Hosts', null, this.hostList),
      panel('Window', null, h('div', { class: 'stack' },
        check('movable', 'Look for places other than the default', state.movable !== '0', (on) => ({ movable: on ? null : '0' })),
        check('options', 'The hosts’ kernels have the posted iommufd options', state.options === '1', (on) => ({ options: on ? '1' : null })),
        check('msi32', 'A device has only 32-bit MSI', state.msi32 === '1', (on) => ({ msi32: on ? '1' : null })),
        field('Wanted start', amount('requested', 'requested', 'any')),
        field('Size', amount('size', 'size', '1M')),
        kernelField(state.kernel, (kernel) => this.onChange({ kernel })),
        pageField('Host pages', state.page, (page) => this.onChange({ page })),
        hint('doorbell', field('Doorbells', count('doorbells', 'doorbells', 1, DOORBELLS_MAX, '1'))))));
  }
}
