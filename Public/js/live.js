// A session or an agreement as it changes: Server-Sent Events where they are available, otherwise its revision, asked
// for every two seconds. Whatever happens to the connection, the page learns of it and goes on by itself.

import { ask } from './api.js';
import { announce, h, replace } from './dom.js';
import { LOG_ROWS_MAX } from './event-log.js';
import { EventFeed } from './events.js';
import { pill } from './parts.js';

const POLL_MILLISECONDS = 2000;
/** After this many polls a lost stream is tried again. */
const POLLS_BEFORE_STREAM = 3;

const TONES = { live: 'good', polling: 'warn', reconnecting: 'bad', ended: 'plain' };

/** The connection as a pill. */
export class ConnectionPill {
  constructor() {
    this.element = h('span', { class: 'live-state' }, pill('connecting'));
  }

  /** Shows and says the word; whether it is another one than before. */
  show(word) {
    if (this.word === word) return false;
    this.word = word;
    replace(this.element, pill(word, TONES[word]));
    this.element.dataset.state = word;
    announce(`Connection: ${word}.`);
    return true;
  }
}

/** Why a stream ends that its resource has ended. */
const ENDINGS = /^(session|agreement)_(deleted|expired)$/;

export class Live {
  /** `ended`: the problem of a resource that is no more. `on`: state(word), event({id, name, data}), changed(),
   *  gone(problem): it ended, lost(problem): the server came back without it. `onlyPolling`: no stream. */
  constructor(path, ended, on, onlyPolling) {
    Object.assign(this, { path, ended, on, onlyPolling });
  }

  /** Shows in `log` what happened before this page looked, up to about the revision of `seen`, and goes on after that. */
  async start(seen, log) {
    this.note(seen);
    const { revision } = seen;
    this.lastID = Math.max(0, revision - LOG_ROWS_MAX);
    try {
      const page = await ask('GET', `${this.path}/events`, { query: { after: this.lastID, limit: LOG_ROWS_MAX } });
      if (this.stopped) return;
      log.addPage(page);
      this.lastID = page.last_id;
    } catch { /* the stream brings it */ }
    if (this.stopped) return;
    if (this.onlyPolling) this.poll(0);
    else this.stream();
  }

  /** Keeps which state was seen; whether it is another one than before, or that of another resource under this path. */
  note({ revision, created_at: made }) {
    const isOther = revision !== this.revision || made !== this.made;
    Object.assign(this, { revision, made });
    return isOther;
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
    }, this.lastID);
  }

  take({ id, name, data: text }) {
    if (this.stopped) return;
    let data = {};
    try {
      data = JSON.parse(text);
    } catch { /* shown without its data */ }
    if (id) this.revision = this.lastID = Number(id);
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
      const now = await ask('GET', this.path, { isFresh: true });
      if (this.stopped) return;
      this.on.state('polling');
      if (this.note(now)) this.on.changed();
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
