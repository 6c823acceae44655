// Server-Sent Events over fetch, since EventSource sends no token. It keeps the last id that it saw, and after an
// interruption asks again from there.

import { token } from './api.js';

const RETRY_MILLISECONDS = 2000;

export class EventFeed {
  /** `on`: open(), event({id, name, data}) with data as text, interrupted(): it tries again by itself, refused(status):
   *  the server said no, and nothing more will come. */
  constructor(path, on) {
    Object.assign(this, { path, on, lastID: '', retry: RETRY_MILLISECONDS, abort: new AbortController() });
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
    const data = [];
    for (const line of block.split('\n')) {
      const colon = line.indexOf(':');
      if (colon <= 0) continue;
      const value = line.slice(colon + 1).replace(/^ /, '');
      const field = line.slice(0, colon);
      if (field === 'id') this.lastID = value;
      else if (field === 'event') name = value;
      else if (field === 'data') data.push(value);
      else if (field === 'retry' && /^\d+$/.test(value)) this.retry = Number(value);
    }
    if (data.length) this.on.event({ id: this.lastID, name, data: data.join('\n') });
  }
}
