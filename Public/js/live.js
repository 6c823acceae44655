// A session as it changes: Server-Sent Events where they are available, otherwise the session's revision, asked for
// every two seconds. Whatever happens to the connection, the page learns of it and goes on by itself.

import { ask, segment } from './api.js';
import { EventFeed } from './events.js';

const POLL_MILLISECONDS = 2000;
/** After this many polls a lost stream is tried again. */
const POLLS_BEFORE_STREAM = 3;

/** What a page shows when a session that it had open no longer exists. */
export const ENDED = { code: 'not-found', title: 'The session has ended', detail: 'It was deleted, or it expired.' };

export class LiveSession {
  /** `on`: state(word), event({id, name, data}), changed(), gone(problem): it ended, lost(problem): the server came
   *  back without it. `onlyPolling`: no stream. */
  constructor(id, on, onlyPolling) {
    Object.assign(this, { id, on, onlyPolling });
    this.path = `/v1/sessions/${segment(id)}`;
  }

  start(revision) {
    if (this.stopped) return;
    this.revision = revision;
    if (this.onlyPolling) this.poll(0);
    else this.stream();
  }

  stop() {
    this.stopped = true;
    this.feed?.close();
    clearTimeout(this.timer);
  }

  stream() {
    this.feed = new EventFeed(`${this.path}/events`, {
      open: () => {
        this.on.state('live');
        // What happened between the last answer and the stream's first event.
        this.on.changed();
      },
      event: (event) => this.take(event),
      interrupted: () => {
        this.wasLost = true;
        this.on.state('reconnecting');
      },
      // The session is gone, or there are too many subscribers: find out which, and poll meanwhile.
      refused: () => {
        if (this.stopped) return;
        this.wasLost = true;
        this.on.state('reconnecting');
        this.poll(0);
      },
    });
  }

  take({ id, name, data: text }) {
    if (this.stopped) return;
    let data = {};
    try {
      data = JSON.parse(text);
    } catch { /* shown without its data */ }
    if (id) this.revision = Number(id);
    this.on.event({ id, name, data });
    if (name !== 'bye') return;
    // The stream says whether the session ends or only the server goes away.
    if (['session_deleted', 'session_expired'].includes(data.reason)) {
      this.stop();
      this.on.gone(ENDED);
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
        else this.on.gone(problem.code === 'not-found' ? ENDED : problem);
        return;
      }
      this.wasLost = true;
      this.on.state('reconnecting');
    }
    this.timer = setTimeout(() => this.poll(count + 1), POLL_MILLISECONDS);
  }
}
