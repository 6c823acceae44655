// A new domain of a session: its consumer, its geometry, and the device that it is for.

import { pageField } from '../condition-fields.js';
import { APERTURE_BITS } from '../conditions.js';
import { all, ask, segment } from '../api.js';
import { announce, field, h, replace, select } from '../dom.js';
import { hex } from '../hex.js';
import { panel } from '../parts.js';
import { deviceNames, likelyDevice } from './devices.js';

export const CONSUMERS = [['dma_api', 'kernel driver (DMA API)'], ['vfio_type1', 'VFIO type1'], ['iommufd', 'iommufd']];

/** Two selects, platform and device; `value` is {platform, device} or null. */
export class DeviceChoice {
  constructor() {
    this.platform = select([['', 'none']], '', () => this.loadDevices());
    this.device = select([], '');
    this.deviceField = field('Device', this.device);
    this.deviceField.hidden = true;
    this.elements = [field('Device of platform', this.platform), this.deviceField];
    this.loadPlatforms();
  }

  async loadPlatforms() {
    const { items } = await all('/v1/platforms', {}, 2000);
    this.platform.append(...items.map((item) => h('option', { value: item.id }, item.id)));
  }

  async loadDevices() {
    const platform = this.platform.value;
    this.deviceField.hidden = !platform;
    if (!platform) return;
    const { items } = await all(`/v1/platforms/${segment(platform)}/devices`, {}, 4096);
    const devices = deviceNames(items);
    const likely = likelyDevice(devices);
    replace(this.device, devices.map((device) => h('option', { value: device.name, selected: device === likely }, device.name)));
  }

  get value() {
    return this.platform.value && this.device.value ? { platform: this.platform.value, device: this.device.value } : null;
  }
}

export class DomainForm {
  constructor(view) {
    this.view = view;
    const name = h('input', { type: 'text', size: 8, value: 'd0', required: true, pattern: '[A-Za-z0-9._\\-]{1,64}', id: 'domain-name' });
    const consumer = select(CONSUMERS, 'dma_api');
    const granule = pageField('Granule');
    const bits = h('input', { type: 'number', min: APERTURE_BITS.min, max: APERTURE_BITS.max, value: APERTURE_BITS.usual });
    const devices = new DeviceChoice();
    this.name = name;
    this.details = h('details', { class: 'more' }, h('summary', null, 'New domain'),
      h('form', { class: 'form', onsubmit: async (event) => {
        event.preventDefault();
        await view.attempt(async () => {
          const last = (1n << BigInt(bits.value)) - 1n;
          const path = `${view.path}/domains`;
          const domain = await ask('POST', path, { json: { id: name.value, consumer: consumer.value, granule: granule.querySelector('select').value || undefined, aperture: { start: '0x0', last: hex(last) }, devices: devices.value ? [devices.value] : [] } });
          announce(`Domain ${domain.id} was created.`);
          await view.go({ domain: domain.id });
        });
      } }, field('Name', name), field('Consumer', consumer), granule, field('Aperture, bits', bits), devices.elements,
      h('button', { type: 'submit', class: 'button primary' }, 'Create the domain')));
    this.element = panel(null, { 'aria-label': 'New domain' }, this.details);
  }

  /** Unfolded while there is no domain; the proposed name is a free one. */
  show(isFirst) {
    if (isFirst) this.details.open = true;
    else if (this.wasFirst) this.details.open = false;
    this.wasFirst = isFirst;
    const used = new Set([...this.view.tabs.children].map((tab) => tab.dataset.domain));
    if (!used.has(this.name.value)) return;
    let number = 0;
    while (used.has(`d${number}`)) number += 1;
    this.name.value = `d${number}`;
  }
}
