/** Shows the choices of our nodes in the person's language; what is saved stays as it is. */

import * as editor from '../editor.js';
import { choice } from '../words.js';

/** @type {import('../unclip.js').Part} */
export const part = {
  nodeCreated(node) {
    if (!editor.isOurs(node)) return;
    const kind = editor.classOf(node);
    for (const widget of node.widgets ?? []) {
      if (widget.type !== 'combo') continue;
      editor.labelChoices(widget, (value) => choice(kind, widget.name, value));
    }
  },
};
