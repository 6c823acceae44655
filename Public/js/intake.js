// Files that are dropped or chosen, wherever that happens: told apart by their bytes, so that they are brought to the
// view that knows what to do with them. A log goes to Faults, anything of a machine becomes a platform, and what is a
// question to the API or its answer is called what it is.

import { LOG_MARKS } from './log-marks.js';

const DEVICE_TREE = 'application/vnd.devicetree.blob';
const ACPI = 'application/vnd.acpi.table';
const JSON_TYPE = 'application/json';
const TEXT = 'text/plain';

/** So much of a text is looked at. */
const LOOKED_AT_BYTES = 256 * 1024;
/** And so much of JSON: no body that the API takes is larger. */
const PARSED_BYTES = 8 * 1024 * 1024;
/** Members of the JSON that describes a machine. */
const MACHINE_JSON = /"(collected|smmus|devices|msi_controllers|reserved_regions|groups)"\s*:/;

/** The media type of a file's first bytes. */
export async function mediaType(file) {
  const bytes = new Uint8Array(await file.slice(0, 64).arrayBuffer());
  const text = new TextDecoder('latin1').decode(bytes);
  if (bytes[0] === 0xd0 && bytes[1] === 0x0d && bytes[2] === 0xfe && bytes[3] === 0xed) return DEVICE_TREE;
  if (/^(IORT|APIC|DSDT|SSDT)/.test(text)) return ACPI;
  if (/^\s*\{/.test(text)) return JSON_TYPE;
  // Logs hold names and quotes of any script.
  if (!/[\x00-\x08\x0e-\x1a\x1c-\x1f]/.test(text)) return TEXT;
  return 'application/octet-stream';
}

/** JSON of the API that describes no machine: what it is called, members that it has, and the view for such questions. */
const DOCUMENTS = [
  ['a question for Placement', ['hosts', 'vm'], 'placement'],
  ['an answer of Placement', ['verdict', 'picks'], 'placement'],
  ['a question about one device (a decision)', ['platform', 'device', 'consumer'], 'space'],
  ['a question about one device (a decision)', ['device', 'window_source'], 'space'],
  ['an answer about one device (a decision)', ['outcome', 'because'], 'space'],
  ['a comparison of policies', ['policies', 'kernels'], 'space'],
  ['a question for a survey', ['platforms', 'constants'], 'atlas'],
  ['the answer of a survey', ['constants', 'conflicts'], 'atlas'],
  ['an exported session', ['domains'], 'sessions'],
  ['an explanation of faults', ['items', 'other_lines'], 'faults'],
  ['a question about a log', ['lines'], 'faults'],
  ['a question about a log', ['text'], 'faults'],
  ['an OpenAPI document', ['openapi'], null],
];
/** It has members of a description as well. */
const READ = ['what the server says of a machine, not the machine’s description', ['id', 'source', 'findings'], 'space'];

/** What only the description of a machine has, at its top. */
const isMachine = (members) => 'collected' in members || ['smmus', 'devices', 'msi_controllers', 'reserved_regions', 'groups'].some((name) => Array.isArray(members[name]));

/** {what, view} where a text is JSON of the API that describes no machine. */
function documentOf(text) {
  let members;
  try {
    members = JSON.parse(text);
  } catch {
    return null;
  }
  if (members === null || typeof members !== 'object' || Array.isArray(members)) return null;
  const has = ([, names]) => names.every((name) => name in members);
  const found = has(READ) ? READ : isMachine(members) ? null : DOCUMENTS.find(has);
  return found ? { what: found[0], view: found[2] } : null;
}

/**
 * {kind}: 'log' where a text is one that an endpoint for logs reads, 'document' with what it is and the view for it
 * where it is JSON of the API that describes no machine; else 'machine', for the server to judge. `isText`: people can
 * read it, so that it may be a log all the same.
 */
export async function recognise(files) {
  const machine = { kind: 'machine' };
  if (files.length !== 1) return machine;
  const type = await mediaType(files[0]);
  if (type !== TEXT && type !== JSON_TYPE) return machine;
  const text = await files[0].slice(0, LOOKED_AT_BYTES).text();
  if (type === JSON_TYPE) {
    // A part of a document cannot be parsed.
    const document = documentOf(files[0].size <= PARSED_BYTES ? await files[0].text() : text);
    if (document) return { kind: 'document', ...document };
    if (MACHINE_JSON.test(text)) return machine;
  }
  return LOG_MARKS.some(([, mark]) => mark.test(text)) ? { kind: 'log' } : { ...machine, isText: type === TEXT };
}

/** Calls `take(files)` for what is dropped anywhere on the page. */
export function listenForDrops(take) {
  const hasFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes('Files');
  const mark = (on) => document.body.classList.toggle('dropping', on);
  addEventListener('dragover', (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    mark(true);
  });
  addEventListener('dragleave', (event) => event.relatedTarget || mark(false));
  addEventListener('drop', (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    mark(false);
    take([...event.dataTransfer.files]);
  });
}
