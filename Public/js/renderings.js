// Texts to paste into VMMs and firmware, each with a copy button, fetched when one is opened.

import { copyButton, h, replace } from './dom.js';
import { problemPanel } from './problems.js';

const NAMES = {
  qemu: 'QEMU', libvirt: 'libvirt', 'cloud-hypervisor': 'Cloud Hypervisor', openvmm: 'OpenVMM', crosvm: 'crosvm', firecracker: 'Firecracker', kvmtool: 'kvmtool',
  iommu_option: 'iommufd options, as posted', iort_rmr: 'IORT RMR', device_tree: 'Device tree', shell: 'Check on the host, as a shell script', kubernetes: 'Kubernetes',
};

export class Renderings {
  /** `fetch(format)` gives a text. */
  constructor(fetch) {
    this.fetch = fetch;
    this.opened = new Set();
    this.element = h('div', { class: 'renderings' });
  }

  /** The formats that there are for what is shown; those that were open are fetched again. */
  show(formats) {
    const held = document.activeElement?.closest?.('[data-format]')?.dataset.format;
    replace(this.element, formats.map((format) => this.row(format)));
    if (held) this.element.querySelector(`[data-format="${CSS.escape(held)}"] summary`)?.focus();
  }

  row(format) {
    const body = h('div');
    const row = h('details', { class: 'more', 'data-format': format }, h('summary', null, NAMES[format] ?? format.replaceAll('_', ' ')), body);
    const load = async () => {
      try {
        const text = await this.fetch(format);
        replace(body, h('div', { class: 'curl' },
          h('pre', { tabindex: '0', role: 'group', 'aria-label': NAMES[format] ?? format }, h('code', null, text)),
          copyButton(text, format, 'Copy')));
      } catch (problem) {
        replace(body, problemPanel(problem));
      }
    };
    row.addEventListener('toggle', () => {
      this.opened[row.open ? 'add' : 'delete'](format);
      if (row.open && !body.childElementCount) load();
    });
    row.open = this.opened.has(format);
    return row;
  }
}
