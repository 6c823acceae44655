// Machines on the server: brought in, replaced, renamed, removed. The API stores what it read and gives no file
// back, so a rename sends the files again; those that this page sent are kept for it while the page is open.

import { ask, segment } from './api.js';
import { mediaType } from './intake.js';

/** What the page sent, by platform. */
const sent = new Map();

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
  const platform = await ask(method, path, { ...options, ...(await bodyOf(files)) });
  sent.set(platform.id, files);
  return platform;
}

/** Whether the page still has the files of a platform. */
export const filesOf = (id) => sent.get(id);

export async function remove(id) {
  await ask('DELETE', `/v1/platforms/${segment(id)}`);
  sent.delete(id);
}

/** Stores the same files under another id, then removes the first; where that is refused, both stay. */
export async function rename(id, next, files) {
  const platform = await upload(next, files);
  await remove(id);
  return platform;
}
