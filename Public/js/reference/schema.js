// Schemas as lists of members. What a member consists of is built when somebody opens it: schemas name each other in
// circles, and most are never looked at.

import { h } from '../dom.js';

/** What a reference leads to. */
export function resolved(contract, value) {
  let found = value;
  while (found?.$ref) {
    found = found.$ref.slice(2).split('/').reduce(
      (part, name) => part?.[name.replaceAll('~1', '/').replaceAll('~0', '~')], contract);
  }
  return found ?? {};
}

/** The examples of a body that stand in the contract, by their names. */
export const examplesOf = (media) => Object.entries(media.examples ?? { example: { value: media.example } })
  .filter(([, example]) => example.value !== undefined);

export const exampleText = (value) => (typeof value === 'string' ? value : JSON.stringify(value, null, 2));

/** A description as text, with its words in backticks as code. */
export const prose = (text) =>
  (text ?? '').split('`').map((piece, index) => (index % 2 ? h('code', null, piece) : piece));

const nameOf = (schema) => schema?.$ref?.split('/').at(-1);
const choices = (schema) => schema.oneOf ?? schema.anyOf;

/** In a few words. */
export function typeText(contract, schema) {
  const own = resolved(contract, schema);
  if (own.const !== undefined) return JSON.stringify(own.const);
  if (own.enum) return own.enum.map((value) => (typeof value === 'string' ? value : JSON.stringify(value))).join(' | ');
  if (own.type === 'array') return `list of ${typeText(contract, own.items ?? {})}`;
  if (nameOf(schema) && isDeep(contract, schema)) return nameOf(schema);
  if (choices(own)) return choices(own).map((choice) => typeText(contract, choice)).join(' or ');
  const base = [own.type ?? 'anything'].flat().join(' or ');
  return [base, own.format, bounds(own), own.default === undefined ? null : `default ${JSON.stringify(own.default)}`]
    .filter(Boolean).join(', ');
}

function bounds(schema) {
  const from = schema.minimum ?? schema.minLength;
  const to = schema.maximum ?? schema.maxLength;
  const unit = schema.maxLength !== undefined || schema.minLength !== undefined ? ' characters' : '';
  if (from !== undefined && to !== undefined) return `${from} to ${to}${unit}`;
  if (from !== undefined) return `at least ${from}${unit}`;
  return to === undefined ? null : `at most ${to}${unit}`;
}

/** Whether there is more to say of it than its type. */
function isDeep(contract, schema) {
  const own = resolved(contract, schema);
  if (own.type === 'array') return isDeep(contract, own.items ?? {});
  return Boolean(own.properties || own.allOf || choices(own)?.some((choice) => isDeep(contract, choice)));
}

/** The whole schema: its sentence, and its members. */
export function schemaView(contract, schema) {
  const own = resolved(contract, schema);
  if (own.type === 'array') return h('div', null, h('p', { class: 'type' }, 'A list. Each item:'), schemaView(contract, own.items ?? {}));
  const pieces = [];
  if (own.description) pieces.push(h('p', null, prose(own.description)));
  if (own.properties) pieces.push(members(contract, own));
  for (const part of own.allOf ?? []) if (Object.keys(part).length) pieces.push(schemaView(contract, part));
  const alternatives = choices(own);
  if (alternatives) {
    pieces.push(h('p', { class: 'type' }, 'One of:'), h('ul', { class: 'members' }, alternatives.map((choice, index) =>
      h('li', null, isDeep(contract, choice)
        ? lazy(choice.title ?? nameOf(choice) ?? resolved(contract, choice).title ?? `form ${index + 1}`, () => schemaView(contract, choice))
        : h('span', { class: 'type' }, typeText(contract, choice))))));
  }
  if (!pieces.some((piece) => piece.tagName !== 'P')) pieces.push(h('p', { class: 'type' }, typeText(contract, schema)));
  return h('div', { class: 'schema' }, pieces);
}

function members(contract, schema) {
  const required = new Set(schema.required ?? []);
  return h('ul', { class: 'members' }, Object.entries(schema.properties).map(([name, member]) => h('li', null,
    h('code', { class: 'member' }, name), ' ', h('span', { class: 'type' }, typeText(contract, member)),
    required.has(name) ? h('span', { class: 'required' }, 'required') : null,
    h('p', null, prose(member.description ?? resolved(contract, member).description)),
    isDeep(contract, member) ? lazy(`members of ${name}`, () => schemaView(contract, member)) : null)));
}

function lazy(title, build) {
  const view = h('details', { class: 'deeper' }, h('summary', null, title));
  view.addEventListener('toggle', () => {
    if (view.open && view.children.length === 1) view.append(build());
  });
  return view;
}
