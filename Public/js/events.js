// Server-Sent Events over fetch, since EventSource sends no token. It keeps the last id that it saw, and after an
// interruption asks again from there. Of the events of one revision only the last one has an id line: the others wait
// for it, so that each is given with its own id and none is given twice after an interruption.

import { token } from './api.js';

const RETRY_MILLISECONDS = 2000;
/** What a server says before it ends a stream: no event of its log, and so without an id. */
const FAREWELL = 'bye';

export class EventFeed {
  /** `on`: open(), event({id, name, data}) with data as text, interrupted(): it tries again by itself, refused(status):
   *  the server said no, and nothing more will come. Begins after the event `lastID`. */
  constructor(path, on, lastID) {
    Object.assign(this, { path, on, lastID: String(lastID), retry: RETRY_MILLISECONDS, abort: new AbortController() });
    this.run();
  }

  close() {
    this.abort.abort();
  }

  async run() {
    const { signal } = this.abort;
    while (!signal.aborted) {
      try {
        const response = await fetch(this.path, { signal, cache: 'no-store', headers: this.headers() });
        if (!response.ok) {
          this.on.refused(response.status);
          return;
        }
        this.on.open();
        await this.read(response.body.pipeThrough(new TextDecoderStream()).getReader());
      } catch { /* An interruption, like a stream that ends. */ }
      if (signal.aborted) return;
      this.on.interrupted();
      await new Promise((resolve) => setTimeout(resolve, this.retry));
    }
  }

  headers() {
    const fields = { Accept: 'text/event-stream' };
    if (this.lastID) fields['Last-Event-ID'] = this.lastID;
    if (token()) fields.Authorization = `Bearer ${token()}`;
    return fields;
  }

  async read(reader) {
    let rest = '';
    this.held = [];
    for (;;) {
      const { done, value } = await reader.read();
      // What is cut off before its empty line is no event.
      if (done) return;
      const blocks = (rest + value).split('\n\n');
      rest = blocks.pop();
      for (const block of blocks) this.take(block);
    }
  }

  take(block) {
    let name = 'message';
    let id = null;
    const data = [];
    for (const line of block.split('\n')) {
      const colon = line.indexOf(':');
      if (colon <= 0) continue;
      const value = line.slice(colon + 1).replace(/^ /, '');
      const field = line.slice(0, colon);
      if (field === 'id') id = value;
      else if (field === 'event') name = value;
      else if (field === 'data') data.push(value);
      else if (field === 'retry' && /^\d+$/.test(value)) this.retry = Number(value);
    }
    if (data.length && name === FAREWELL) return this.on.event({ id: '', name, data: data.join('\n') });
    if (data.length) this.held.push({ name, data: data.join('\n') });
    if (id === null) return undefined;
    const whole = this.held;
    this.held = [];
    this.lastID = id;
    for (const event of whole) this.on.event({ id, ...event });
    return undefined;
  }
}
