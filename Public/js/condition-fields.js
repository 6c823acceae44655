// Kernel and page size of a question, as fields and as what a request says of them. An empty field is the host's
// own: then the request says nothing, and the server takes what the collected host says, or else its defaults.
// Every view that asks under such conditions has them from here, in its form and in its link alike.

import { Problem } from './api.js';
import { DEFAULT_KERNEL, DEFAULT_PAGE, KERNELS, PAGES } from './conditions.js';
import { field, h, select } from './dom.js';
import { hint } from './glossary.js';

const own = (otherwise) => `the host’s own, else ${otherwise}`;

/** JSON begins with a brace, and no release does. */
const isJSON = (text) => text.startsWith('{');

/** What a text of the field says: a release, an object with overrides, or undefined for the host's own. */
export function kernelOf(text) {
  const said = (text ?? '').trim();
  if (!said) return undefined;
  if (!isJSON(said)) return said;
  try {
    return JSON.parse(said);
  } catch {
    throw new Problem(0, {
      code: 'kernel-json', title: 'The kernel is not readable as JSON',
      detail: `Type a release, what uname -r prints, or an object such as {"release":"${DEFAULT_KERNEL}","overrides":{"iommufd":false}}.`,
    });
  }
}

/** Members of a body for {kernel, page} of a form or a link; what is the host's own has none. */
export function hostConditions({ kernel, page }) {
  const release = kernelOf(kernel);
  return { ...(release === undefined ? {} : { kernel: release }), ...(page ? { page_size: page } : {}) };
}

/** The same as parameters of a query, which are texts. */
export function hostQuery(state) {
  return Object.fromEntries(Object.entries(hostConditions(state)).map(([name, value]) =>
    [name, typeof value === 'string' ? value : JSON.stringify(value)]));
}

/** A kernel of an answer, in few words. */
export function kernelName(kernel) {
  if (typeof kernel === 'string') return `Linux ${kernel}`;
  return `Linux ${kernel.release}, ${Object.entries(kernel.overrides ?? {}).map(([name, value]) => `${name} ${value}`).join(', ')}`;
}

/** A text field that proposes the modelled releases and takes any kernel; `onChange` gets its text. */
export function kernelField(text, onChange) {
  const proposals = h('datalist', { id: 'kernels' }, KERNELS.map((name) => h('option', { value: name }, `Linux ${name}`)));
  const control = h('input', { id: 'kernel', type: 'text', size: 26, list: proposals.id, spellcheck: 'false', autocomplete: 'off', autocapitalize: 'off', placeholder: own(DEFAULT_KERNEL), value: text ?? '', onchange: () => onChange?.(control.value.trim()) });
  const box = field('Kernel', control, 'A release, what uname -r prints, or JSON with overrides.');
  box.append(proposals);
  return box;
}

/** A select of page sizes; one that only a link names stays in it, for the server to judge. */
export function pageField(label, text, onChange) {
  const [, otherwise] = PAGES.find(([value]) => value === DEFAULT_PAGE);
  const choices = [['', own(otherwise)], ...PAGES];
  if (text && !choices.some(([value]) => value === text)) choices.push([text, text]);
  return hint('page size', field(label, Object.assign(select(choices, text ?? '', onChange), { id: 'page' })));
}

/** Brings both fields of a form to what the link says; one that somebody types in is left alone. */
export function showConditions(form, { kernel, page }) {
  for (const [id, text] of [['kernel', kernel], ['page', page]]) {
    const control = form.querySelector(`#${id}`);
    if (control === document.activeElement) continue;
    const names = [...(control.options ?? [])].map((choice) => choice.value);
    if (text && control.options && !names.includes(text)) control.add(new Option(text, text));
    control.value = text ?? '';
  }
}
