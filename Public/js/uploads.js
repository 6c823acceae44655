// Machines on the server: brought in, replaced, renamed, removed.

import { ask, segment } from './api.js';
import { mediaType } from './intake.js';

/** A file's name as a platform's id. */
export function platformID(name) {
  const id = name.replace(/\.(dtb|dtbo|json|txt|aml|bin|dat)$/i, '').replace(/[^A-Za-z0-9._-]+/g, '-').replace(/^-+|-+$/g, '');
  return id.slice(0, 64) || 'dropped';
}

/** An id like `id` that is not taken. */
export function freeID(id, taken) {
  let number = 2;
  while (taken.includes(`${id.slice(0, 60)}-${number}`)) number += 1;
  return `${id.slice(0, 60)}-${number}`;
}

async function bodyOf(files) {
  if (files.length === 1) return { body: files[0], type: await mediaType(files[0]) };
  const form = new FormData();
  for (const [index, file] of files.entries()) {
    form.append(`part${index}`, new Blob([file], { type: await mediaType(file) }), file.name);
  }
  return { body: form };
}

/** Stores files as a platform; `replaces`: also over one that is there. */
export async function upload(id, files, { replaces = false } = {}) {
  const where = replaces ? ['PUT', `/v1/platforms/${segment(id)}`, {}] : ['POST', '/v1/platforms', { query: { id } }];
  const [method, path, options] = where;
  return ask(method, path, { ...options, ...(await bodyOf(files)) });
}

export const remove = (id) => ask('DELETE', `/v1/platforms/${segment(id)}`);

/** Gives a platform another id. */
export const rename = (id, next) => ask('PATCH', `/v1/platforms/${segment(id)}`, { json: { id: next } });
