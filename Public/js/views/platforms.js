// Choosing a machine: the list of platforms, a place to choose files, and what can be done with an uploaded one.

import { all } from '../api.js';
import { announce, field, h, icon, replace, select } from '../dom.js';
import { remove, rename } from '../uploads.js';
import { problemPanel } from '../problems.js';

const isBuiltIn = (item) => item.source === 'built_in' || item.built_in === true;
const isUploaded = (item) => !item.offered && !isBuiltIn(item);
const ID_PATTERN = '[A-Za-z0-9._\\-]{1,64}';

/** A file input under its label; `take(files)` gets what is chosen. */
export function fileChoice(id, take, label) {
  const input = h('input', { type: 'file', multiple: true, id, class: 'unseen', onchange: () => {
    take([...input.files]);
    input.value = '';
  } });
  return h('div', { class: 'drop' }, input,
    h('label', { for: id }, icon('drop'), h('span', null, label ?? [h('strong', null, 'Drop a file'), ' or choose one'])));
}

/** `onPick(id)` is told what was chosen, null where the chosen one was removed; `take(files)` gets files. */
export class PlatformPicker {
  constructor(onPick, take) {
    this.onPick = onPick;
    this.list = h('div');
    this.care = h('div', { class: 'care' });
    this.message = h('div', { 'aria-live': 'polite' });
    this.name = h('input', { type: 'text', id: 'new-name', maxlength: 64, spellcheck: 'false', autocomplete: 'off', placeholder: 'the file’s name' });
    this.element = h('div', { class: 'picker' }, this.list, this.care, fileChoice('file', take), field('Name it, if not after the file', this.name),
      h('small', { class: 'muted' }, 'Device tree, IORT (with MADT, DSDT, SSDTs), sysfs reserved_regions, collected JSON, or a kernel log. It is sent to this server only.'),
      this.message);
  }

  /** The name for what is brought next, once; empty for the file's. */
  takeName() {
    const name = this.name.value.trim();
    this.name.value = '';
    return name;
  }

  /** Every platform of the server. */
  async fetch(signal) {
    const { items } = await all('/v1/platforms', {}, 2000, signal);
    this.items = items;
    return items;
  }

  draw(chosen) {
    const pairs = (list) => list.map((item) => h('option', { value: item.id, selected: item.id === chosen }, item.id));
    const groups = [['The server’s host', this.items.filter((item) => item.offered)], ['Built in', this.items.filter(isBuiltIn)], ['Uploaded', this.items.filter(isUploaded)]];
    const control = select([], chosen, (id) => this.onPick(id));
    const known = this.items.find((item) => item.id === chosen);
    if (!known) control.append(h('option', { value: '', selected: true, disabled: true }, 'choose a machine'));
    control.append(...groups.filter(([, list]) => list.length).map(([label, list]) => h('optgroup', { label }, pairs(list))));
    control.id = 'platform';
    replace(this.list, h('label', { for: 'platform' }, 'Platform'), control);
    this.drawCare(known && isUploaded(known) ? known.id : null);
    replace(this.message);
  }

  /** An uploaded platform can be renamed and removed. */
  drawCare(id) {
    if (!id) return replace(this.care);
    const name = h('input', { type: 'text', id: 'platform-name', value: id, required: true, pattern: ID_PATTERN, title: 'Letters, digits, dot, dash, underscore; at most 64', spellcheck: 'false' });
    const form = h('form', { class: 'stack', hidden: true, onsubmit: (event) => {
      event.preventDefault();
      this.attempt(() => rename(id, name.value).then((platform) => platform.id), `${id} is called ${name.value}.`);
    } }, h('label', { for: 'platform-name' }, 'Name'), name, h('button', { type: 'submit', class: 'button small' }, 'Rename it'));
    const toggle = h('button', { type: 'button', class: 'button small', 'aria-expanded': 'false', onclick: () => {
      form.hidden = !form.hidden;
      toggle.setAttribute('aria-expanded', String(!form.hidden));
      if (!form.hidden) name.select();
    } }, 'Rename');
    const sure = h('button', { type: 'button', class: 'button small', onclick: () => {
      if (sure.dataset.sure) return this.attempt(() => remove(id).then(() => null), `${id} was removed.`);
      sure.dataset.sure = 'yes';
      sure.textContent = `Delete ${id} for good`;
      return undefined;
    } }, 'Delete');
    return replace(this.care, h('div', { class: 'inline' }, toggle, sure), form);
  }

  async attempt(action, sentence) {
    try {
      const next = await action();
      announce(sentence);
      this.onPick(next);
    } catch (problem) {
      replace(this.message, problemPanel(problem));
    }
  }
}
