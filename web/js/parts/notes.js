/** The note of a template in the person's language, as long as it is the template's own. */

import { nodes } from '../editor.js';
import { note } from '../words.js';

/** @type {import('../unclip.js').Part} */
export const part = {
  afterConfigureGraph() {
    for (const { type, widgets } of nodes()) {
      const [text] = type === 'MarkdownNote' ? (widgets ?? []) : [];
      if (text) text.value = note(String(text.value));
    }
  },
};
