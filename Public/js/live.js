// A session or an agreement as it changes: Server-Sent Events where they are available, otherwise its revision, asked
// for every two seconds. Whatever happens to the connection, the page learns of it and goes on by itself.

import { ask } from './api.js';
import { EventFeed } from './events.js';

const POLL_MILLISECONDS = 2000;
/** After this many polls a lost stream is tried again. */
const POLLS_BEFORE_STREAM = 3;

/** The connection as a pill: [tone, word]. */
export const CONNECTION = { live: ['good', 'live'], polling: ['warn', 'polling'], reconnecting: ['bad', 'reconnecting'] };

/** Why a stream ends that its resource has ended. */
const ENDINGS = /^(session|agreement)_(deleted|expired)$/;

export class Live {
  /** `ended`: the problem of a resource that is no more. `on`: state(word), event({id, name, data}), changed(),
   *  gone(problem): it ended, lost(problem): the server came back without it. `onlyPolling`: no stream. */
  constructor(path, ended, on, onlyPolling) {
    Object.assign(this, { path, ended, on, onlyPolling });
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
      // The resource is gone, or there are too many subscribers: find out which, and poll meanwhile.
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
    // The stream says whether its resource ends or only the server goes away.
    if (ENDINGS.test(data.reason)) {
      this.stop();
      this.on.gone(this.ended);
      return;
    }
    this.wasLost = true;
    this.on.state('reconnecting');
  }

  async poll(count) {
    if (this.stopped) return;
    try {
      const now = await ask('GET', this.path);
      this.on.state('polling');
      if (now.revision !== this.revision) {
        this.revision = now.revision;
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
        else this.on.gone(problem.code === 'not-found' ? this.ended : problem);
        return;
      }
      this.wasLost = true;
      this.on.state('reconnecting');
    }
    this.timer = setTimeout(() => this.poll(count + 1), POLL_MILLISECONDS);
  }
}
