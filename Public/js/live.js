// A session as it changes: Server-Sent Events where they can be had, otherwise the session's revision, asked for
// every two seconds. Whatever happens to the connection, the page learns of it and goes on by itself.

import { ask, segment, token } from './api.js';

const EVENTS = ['domain_created', 'domain_deleted', 'attached', 'detached', 'reserved', 'allocated', 'exhausted', 'freed',
  'doorbell_mapped', 'doorbell_failed', 'mapped', 'unmapped', 'trimmed', 'renewed', 'expired', 'gap', 'bye'];
const POLL_MILLISECONDS = 2000;
/** After this many polls a lost stream is tried again. */
const POLLS_BEFORE_STREAM = 3;

export class LiveSession {
  /** `on`: state(word), event({id, name, data}), changed(), gone(problem): it ended, lost(problem): the server came
   *  back without it. `onlyPolling`: no stream. */
  constructor(id, on, onlyPolling) {
    Object.assign(this, { id, on, onlyPolling: onlyPolling || !('EventSource' in window) || Boolean(token()) });
    this.path = `/v1/sessions/${segment(id)}`;
  }

  start(revision) {
    this.revision = revision;
    if (this.onlyPolling) this.poll(0);
    else this.stream();
  }

  stop() {
    this.stopped = true;
    this.source?.close();
    clearTimeout(this.timer);
  }

  stream() {
    const source = (this.source = new EventSource(`${this.path}/events`));
    source.onopen = () => {
      this.on.state('live');
      // What happened between the last answer and the stream's first event.
      this.on.changed();
    };
    for (const name of EVENTS) {
      source.addEventListener(name, (event) => this.take(name, event));
    }
    source.onerror = () => {
      if (this.stopped) return;
      this.wasLost = true;
      this.on.state('reconnecting');
      if (source.readyState === EventSource.CONNECTING) return;
      // The server said no (the session is gone, or too many subscribers): find out which, and poll meanwhile.
      source.close();
      this.poll(0);
    };
  }

  take(name, event) {
    let data = {};
    try {
      data = JSON.parse(event.data);
    } catch { /* shown without its data */ }
    if (event.lastEventId) this.revision = Number(event.lastEventId);
    this.on.event({ id: event.lastEventId, name, data });
    if (name !== 'bye') return;
    // The stream says whether the session ends or only the server goes away.
    if (['session_deleted', 'session_expired'].includes(data.reason)) {
      this.stop();
      this.on.gone({ code: 'not-found', title: 'The session has ended', detail: 'Somebody deleted it, or its time was up.' });
      return;
    }
    this.wasLost = true;
    this.on.state('reconnecting');
  }

  async poll(count) {
    if (this.stopped) return;
    try {
      const session = await ask('GET', this.path);
      this.on.state('polling');
      if (session.revision !== this.revision) {
        this.revision = session.revision;
        this.on.changed();
      }
      if (!this.onlyPolling && count >= POLLS_BEFORE_STREAM) {
        this.stream();
        return;
      }
    } catch (problem) {
      if (this.stopped) return;
      if (problem.status === 404) {
        if (this.wasLost && problem.code === 'not-found') this.on.lost(problem);
        else this.on.gone(problem);
        return;
      }
      this.wasLost = true;
      this.on.state('reconnecting');
    }
    this.timer = setTimeout(() => this.poll(count + 1), POLL_MILLISECONDS);
  }
}
