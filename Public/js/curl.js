// A request as a command for a terminal, wherever the page shows one. A token is named, never written out.

import { token } from './api.js';

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/** `fields` are header fields; `body` is a text, a File or FormData of files, or nothing. */
export function curlLine({ method, target, fields = {}, body }) {
  // curl posts what it is given by itself.
  const words = [method === 'GET' || method === 'POST' && body ? null : `-X ${method}`, quoted(location.origin + target)];
  const rest = Object.entries(fields).map(([name, value]) => `-H ${quoted(`${name}: ${value}`)}`);
  if (token()) rest.push('-H "Authorization: Bearer $TOKEN"');
  if (body instanceof FormData) for (const [name, each] of body) rest.push(`-F ${quoted(`${name}=@${each.name}`)}`);
  else if (body instanceof File) rest.push(`--data-binary ${quoted(`@${body.name}`)}`);
  else if (body) rest.push(`--data-binary ${quoted(body)}`);
  return [`curl -s ${words.filter(Boolean).join(' ')}`, ...(rest.length ? [rest.join(' ')] : [])].join(' \\\n  ');
}

/** The same for JSON. */
export const curlCommand = (method, path, body) => curlLine({
  method, target: path, ...(body ? { fields: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) } : {}),
});
