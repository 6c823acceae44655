// What a search field means, in every list that has one: all of its words, in any order and case.

export const wordsOf = (text) => text.toLowerCase().split(/\s+/).filter(Boolean);

/** Whether a text has each of the words, as wordsOf gives them. */
export function hasWords(text, words) {
  const lower = text.toLowerCase();
  return words.every((word) => lower.includes(word));
}
