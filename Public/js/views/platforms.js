// Choosing a machine: the list of platforms, and files that are dropped or picked, told apart by their bytes.

import { all, ask, segment } from '../api.js';
import { announce, h, icon, replace, select } from '../dom.js';
import { problemPanel } from '../problems.js';

const DEVICE_TREE = 'application/vnd.devicetree.blob';
const ACPI = 'application/vnd.acpi.table';

/** The media type of a file's first bytes. */
async function mediaType(file) {
  const bytes = new Uint8Array(await file.slice(0, 64).arrayBuffer());
  const text = new TextDecoder('latin1').decode(bytes);
  if (bytes[0] === 0xd0 && bytes[1] === 0x0d && bytes[2] === 0xfe && bytes[3] === 0xed) return DEVICE_TREE;
  if (/^(IORT|APIC|DSDT|SSDT)/.test(text)) return ACPI;
  if (/^\s*\{/.test(text)) return 'application/json';
  if (!/[^\t\n\r\x20-\x7e]/.test(text)) return 'text/plain';
  return 'application/octet-stream';
}

/** A file's name as a platform's id. */
export function platformID(name) {
  const id = name.replace(/\.(dtb|dtbo|json|txt|aml|bin|dat)$/i, '').replace(/[^A-Za-z0-9._-]+/g, '-').replace(/^-+|-+$/g, '');
  return id.slice(0, 64) || 'dropped';
}

async function request(files) {
  if (files.length === 1) return { body: files[0], type: await mediaType(files[0]) };
  const form = new FormData();
  for (const [index, file] of files.entries()) {
    form.append(`part${index}`, new Blob([file], { type: await mediaType(file) }), file.name);
  }
  return { body: form };
}

/** The picker with its drop area. `onPick(id)` is told what was chosen. */
export class PlatformPicker {
  constructor(onPick) {
    this.onPick = onPick;
    this.list = h('div');
    this.message = h('div', { 'aria-live': 'polite' });
    const input = h('input', { type: 'file', multiple: true, id: 'file', class: 'unseen', onchange: () => {
      this.take([...input.files]);
      input.value = '';
    } });
    this.element = h('div', { class: 'picker' }, this.list,
      h('div', { class: 'drop' }, input,
        h('label', { for: 'file' }, icon('drop'), h('span', null, h('strong', null, 'Drop a file'), ' or choose one')),
        h('small', null, 'Device tree, IORT (with MADT, DSDT, SSDTs), sysfs reserved_regions, collected JSON. It is sent to this server only.')),
      this.message);
    this.listen();
  }

  listen() {
    const hasFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes('Files');
    const mark = (on) => document.body.classList.toggle('dropping', on);
    this.events = {
      dragover: (event) => {
        if (!hasFiles(event)) return;
        event.preventDefault();
        mark(true);
      },
      dragleave: (event) => event.relatedTarget || mark(false),
      drop: (event) => {
        if (!hasFiles(event)) return;
        event.preventDefault();
        mark(false);
        this.take([...event.dataTransfer.files]);
      },
    };
    for (const [name, action] of Object.entries(this.events)) addEventListener(name, action);
  }

  stop() {
    for (const [name, action] of Object.entries(this.events)) removeEventListener(name, action);
  }

  async refresh(chosen) {
    const { items } = await all('/v1/platforms');
    this.ids = items.map((item) => item.id);
    const isBuiltIn = (item) => item.source === 'built_in' || item.built_in === true;
    const pairs = (list) => list.map((item) => [item.id, item.id]);
    const control = select([], chosen, (id) => this.onPick(id));
    const isUploaded = (item) => !item.offered && !isBuiltIn(item);
    for (const [label, list] of [['The server’s host', items.filter((item) => item.offered)], ['Built in', items.filter(isBuiltIn)], ['Uploaded', items.filter(isUploaded)]]) {
      if (list.length) control.append(h('optgroup', { label }, pairs(list).map(([value, text]) => h('option', { value, selected: value === chosen }, text))));
    }
    control.id = 'platform';
    replace(this.list, h('label', { for: 'platform' }, 'Platform'), control);
    return items;
  }

  async take(files) {
    if (!files.length) return;
    const id = platformID(files[0].name);
    replace(this.message, h('p', { class: 'muted' }, `Reading ${files.map((file) => file.name).join(', ')} …`));
    await this.send('POST', '/v1/platforms', { id }, files, id);
  }

  async send(method, path, query, files, id) {
    try {
      const platform = await ask(method, path, { query, ...(await request(files)) });
      replace(this.message);
      announce(`${platform.id}: ${platform.devices} devices, ${platform.findings.length} findings.`);
      await this.refresh(platform.id);
      this.onPick(platform.id);
    } catch (problem) {
      const actions = [];
      if (problem.code === 'platform-exists') {
        actions.push(
          ['Replace it', () => this.send('PUT', `/v1/platforms/${segment(id)}`, {}, files, id)],
          ['Keep both', () => this.send('POST', '/v1/platforms', { id: this.freeID(id) }, files, id)]);
      } else if (problem.code === 'platform-in-use') {
        actions.push(['Use another name', () => this.send('POST', '/v1/platforms', { id: this.freeID(id) }, files, id)]);
      }
      replace(this.message, problemPanel(problem, ...actions));
    }
  }

  freeID(id) {
    let number = 2;
    while (this.ids.includes(`${id.slice(0, 60)}-${number}`)) number += 1;
    return `${id.slice(0, 60)}-${number}`;
  }
}
