// One rule for every view: what is shown belongs to what is selected. While the answer to another question is awaited
// the old one is dimmed; where there is none, the old one is cleared; and what is only asked again, and fails, stays
// with a mark that says how old it is. Views fetch everything first and draw it at once, so that no picture is of two
// questions.

import { forgetModel, lastModel } from './api.js';
import { announce, h, replace, unsay } from './dom.js';
import { problemPanel } from './problems.js';

/** Statuses of a server that is away or busy: its earlier answer to the same question still holds. */
const PASSING = [0, 429, 503];

/** Instead of an answer: why there is nothing to show, as one sentence. */
export class Nothing extends Error {}

export class Shown {
  /**
   * `answers` hold what is shown; `clear()` empties what the view keeps of it; `retry()` asks the same again;
   * `actions` are further [label, function] pairs of a problem; `unread()` is the sentence about a field of the form that
   * still cannot be read.
   */
  constructor({ answers, clear, retry, actions = [], unread = () => null }) {
    Object.assign(this, { answers, clear, retry, actions, unread });
    this.message = h('div', { class: 'shown-message' });
    this.mark('nothing');
  }

  /** The view was left: nothing more is asked, drawn or said. */
  stop() {
    this.isStopped = true;
    this.abort?.abort();
    this.unsay();
  }

  /**
   * Asks with `fetch(signal)` and gives its result to `draw`. Questions are the same where their keys are. Whether
   * there is an answer; undefined where another question took this one's place.
   */
  async ask(key, fetch, draw) {
    if (this.isStopped) return undefined;
    this.abort?.abort();
    this.outdated = this.unread();
    this.tellsOutdated = false;
    const controller = (this.abort = new AbortController());
    const { signal } = controller;
    this.asked = key;
    forgetModel();
    if (this.state !== 'nothing') this.mark('asking');
    try {
      const data = await fetch(signal);
      if (signal.aborted) return undefined;
      this.tellModel(lastModel() ?? (key === this.key ? this.model : null));
      this.key = key;
      this.at = new Date();
      this.mark('answer');
      draw(data);
      if (this.outdated) this.outdate(this.outdated);
      return true;
    } catch (problem) {
      if (problem.name === 'AbortError' || signal.aborted) return undefined;
      // What was asked at the same time is useless without the rest.
      controller.abort();
      this.fail(problem, key);
      return false;
    }
  }

  fail(problem, key) {
    this.unsay();
    const isStill = key === this.key && this.state !== 'nothing' && PASSING.includes(problem.status);
    if (!isStill) this.forget();
    else this.mark('stale');
    replace(this.message,
      problem instanceof Nothing
        ? h('p', { class: 'notice', role: 'status' }, problem.message)
        : problemPanel(problem, ['Try again', this.retry], ...this.actions),
      isStill ? h('p', { class: 'notice', 'data-stale': '' }, `What is below is from ${this.at.toLocaleTimeString()}.`) : null);
  }

  /** Nothing is selected, or there is no answer about it. */
  forget() {
    this.key = undefined;
    this.tellsOutdated = false;
    this.unsay();
    this.tellModel(null);
    this.mark('nothing');
    this.clear();
  }

  /** What is shown no longer answers what stands in the form: `sentence` says so. */
  outdate(sentence) {
    // What is being asked is of the form as it was.
    this.outdated = sentence;
    // Of two mistakes the later one is told; why the server gave no newer answer stays.
    if (this.state !== 'answer' && !this.tellsOutdated) return;
    this.tellsOutdated = true;
    this.unsay();
    this.mark('stale');
    replace(this.message, h('p', { class: 'notice', role: 'status', 'data-stale': '' }, sentence));
  }

  /** What the answer is in a sentence, once. */
  say(sentence) {
    if (sentence !== this.said) announce(sentence);
    this.said = sentence;
  }

  unsay() {
    unsay(this.said);
    this.said = null;
  }

  mark(state) {
    this.state = state;
    for (const element of this.answers) {
      element.dataset.shown = state;
      element.setAttribute('aria-busy', String(state === 'asking'));
    }
  }

  /** The footer and the message speak of the answer that is shown; the message where its kernel is not modelled. */
  tellModel(model) {
    this.model = model;
    document.getElementById('model').textContent = model ? `Behaves as Linux ${model.kernel} · engine ${model.engine}` : '';
    replace(this.message, model?.remark ? h('p', { class: 'notice', 'data-remark': '' }, model.remark) : null);
  }
}
