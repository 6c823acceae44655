// The devices of a platform, as a list to choose from, and the facts of the machine around them.

import { h, keepFocus, replace } from '../dom.js';
import { named } from '../glossary.js';
import { MAX, hex } from '../hex.js';
import { facts, findingsList, pill } from '../parts.js';
import { hasWords, wordsOf } from '../search.js';

const SHOWN_MAX = 150;

const KIND_NAMES = {
  pci_host: 'PCI host bridge', pci_function: 'PCI function', platform: 'platform device', id_map_bus: 'bus with an ID map',
  named_component: 'named component', root_complex: 'root complex', group: 'IOMMU group',
};

/** A bus and a device of one node share an id: then the kind is part of the name. */
export function deviceNames(devices) {
  const count = new Map();
  for (const device of devices) count.set(device.id, (count.get(device.id) ?? 0) + 1);
  return devices.map((device) => ({ ...device, name: count.get(device.id) > 1 && device.kind === 'platform' ? `${device.id}#platform` : device.id }));
}

/** The device that most people mean: an active host bridge, else an active device, else the first. */
export function likelyDevice(devices) {
  return devices.find((device) => device.active && ['pci_host', 'root_complex'].includes(device.kind))
    ?? devices.find((device) => device.active && device.doorbells.length)
    ?? devices.find((device) => device.active) ?? devices[0];
}

export class DeviceList {
  constructor(onPick) {
    this.onPick = onPick;
    this.filter = h('input', { type: 'search', id: 'device-filter', placeholder: 'Filter by name, kind, compatible', oninput: () => this.draw() });
    this.list = h('ul', { class: 'devices' });
    this.count = h('span', { class: 'muted' });
    this.element = h('div', { class: 'device-list' },
      h('label', { for: 'device-filter' }, 'Devices behind an SMMU ', this.count), this.filter, this.list);
  }

  set(devices, chosen) {
    this.devices = devices;
    this.chosen = chosen;
    this.marks = null;
    this.filter.hidden = devices.length < 6;
    this.draw();
  }

  /** `marks` has [tone, word] for each device that the chosen policy does not serve. */
  mark(marks) {
    this.marks = marks;
    this.draw();
  }

  markOf({ name }) {
    const [tone, word] = this.marks?.get(name) ?? [];
    return word ? h('span', { class: `device-mark ${tone}-text` }, ` · ${word}`) : null;
  }

  draw() {
    const words = wordsOf(this.filter.value);
    const found = this.devices.filter((device) => hasWords(`${device.id} ${device.kind} ${(device.compatible ?? []).join(' ')} ${device.active ? 'active' : 'disabled'}`, words));
    this.count.textContent = found.length === this.devices.length ? String(found.length) : `${found.length} of ${this.devices.length}`;
    keepFocus(this.list, () => replace(this.list,
      found.slice(0, SHOWN_MAX).map((device) => h('li', null, h('button', {
        type: 'button', class: 'device', 'aria-pressed': String(device.name === this.chosen), onclick: () => this.onPick(device.name),
      }, h('span', { class: 'device-name' }, device.name),
      h('span', { class: 'muted' }, KIND_NAMES[device.kind] ?? device.kind, device.active ? '' : ' · disabled', device.doorbells.length ? '' : ' · no doorbell known', this.markOf(device))))),
      found.length > SHOWN_MAX ? h('li', { class: 'muted' }, `${found.length - SHOWN_MAX} more; filter to find them.`) : null));
  }
}

/** SMMUs, doorbells, the chosen device and findings. */
export function machineFacts(platform, device) {
  const limit = device && BigInt(device.dma_limit);
  return [
    device ? facts(
      ['Kind', [KIND_NAMES[device.kind] ?? device.kind, device.active ? '' : pill('disabled', 'warn')]],
      [named('SMMU', 'smmu'), (device.smmus ?? []).map((smmu) => h('code', null, smmu))],
      [named('Doorbells', 'doorbell'), device.doorbells.length ? device.doorbells.map((doorbell) => h('code', null, doorbell)) : 'none'],
      [named('DMA limit', 'dma limit'), limit === MAX ? 'none' : h('code', null, hex(limit))],
      [named('Streams', 'stream id'), streams(device.stream_ids)],
      ['Coherent', device.dma_coherent ? 'yes' : 'no'],
      device.pci_windows_known === false ? ['PCI windows', [pill('unknown', 'warn'), ' send DSDT and SSDTs, or /proc/iomem']] : null,
      device.inbound_windows_known === false ? ['Inbound windows', [pill('unknown', 'warn'), ' send dma_ranges as JSON']] : null,
      device.preserve_config_known === false ? ['Boot configuration', [pill('unknown', 'warn'), ' send preserve_config: it decides whether RMRs apply']] : null,
      device.iommu_regions_known === false ? ['IOMMU regions', [pill('unknown', 'warn'), ' the virtio-iommu decides; send reserved_regions of the group']] : null,
      ['PCI path', device.pci_path?.join(' / ')]) : null,
    h('details', { class: 'more', open: platform.findings.some((finding) => finding.severity === 'error') },
      h('summary', null, `Findings (${platform.findings.length})`),
      platform.findings.length ? findingsList(platform.findings) : h('p', { class: 'muted' }, 'No findings.')),
    h('details', { class: 'more' },
      h('summary', null, `SMMUs (${platform.smmus.length}) and MSI controllers (${platform.msi_controllers.length})`),
      h('ul', { class: 'plain' },
        platform.smmus.map((smmu) => h('li', null, pill(`SMMU${smmu.version}`, smmu.enabled ? 'plain' : 'warn'), ' ', h('code', null, smmu.id), smmu.enabled ? '' : ' disabled')),
        platform.msi_controllers.map((controller) => h('li', null, pill(controller.kind), ' ', h('code', null, controller.id), controller.doorbell ? [' doorbell ', h('code', null, controller.doorbell)] : '')))),
  ];
}

/** A few stream IDs; whole buses as their span. */
function streams(list) {
  const texts = (list ?? []).slice(0, 4).map((stream) => {
    const entries = Object.entries(stream).filter(([name]) => !['smmu', 'kind'].includes(name));
    return h('code', null, entries.map(([name, value]) => `${name} ${Array.isArray(value) ? value.join(' ') : value}`).join(', '));
  });
  if (!texts.length) return '–';
  return [texts.flatMap((text, index) => (index ? [' · ', text] : [text])), list.length > 4 ? ` and ${list.length - 4} more` : ''];
}
