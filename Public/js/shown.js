// One rule for every view: what is shown belongs to what is selected. While the answer to another question is awaited
// the old one is dimmed; where there is none, the old one is cleared; and what is only asked again, and fails, stays
// with a mark that says how old it is. Views fetch everything first and draw it at once, so that no picture is of two
// questions.

import { forgetModel, lastModel } from './api.js';
import { h, replace } from './dom.js';
import { problemPanel } from './problems.js';

/** Statuses of a server that is away or busy: its earlier answer to the same question still holds. */
const PASSING = [0, 429, 503];

/** Instead of an answer: why there is nothing to show, as one sentence. */
export class Nothing extends Error {}

export class Shown {
  /**
   * `answers` hold what is shown; `clear()` empties what the view keeps of it; `retry()` asks the same again;
   * `actions` are further [label, function] pairs of a problem.
   */
  constructor({ answers, clear, retry, actions = [] }) {
    Object.assign(this, { answers, clear, retry, actions });
    this.message = h('div', { class: 'shown-message' });
    this.mark('nothing');
  }

  stop() {
    this.abort?.abort();
  }

  /** Asks with `fetch(signal)` and gives its result to `draw`. Questions are the same where their keys are. */
  async ask(key, fetch, draw) {
    this.stop();
    const controller = (this.abort = new AbortController());
    const { signal } = controller;
    this.asked = key;
    forgetModel();
    if (this.state !== 'nothing') this.mark('asking');
    try {
      const data = await fetch(signal);
      if (signal.aborted) return false;
      this.tellModel(lastModel() ?? (key === this.key ? this.model : null));
      this.key = key;
      this.at = new Date();
      this.mark('answer');
      draw(data);
      return true;
    } catch (problem) {
      if (problem.name === 'AbortError' || signal.aborted) return false;
      // What was asked at the same time is useless without the rest.
      controller.abort();
      this.fail(problem, key);
      return false;
    }
  }

  fail(problem, key) {
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
    this.tellModel(null);
    this.mark('nothing');
    this.clear();
  }

  /** What is shown no longer answers what stands in the form: `sentence` says so. */
  outdate(sentence) {
    if (this.state !== 'answer') return;
    this.mark('stale');
    replace(this.message, h('p', { class: 'notice', role: 'status', 'data-stale': '' }, sentence));
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
