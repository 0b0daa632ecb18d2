/** On Embed from batch: the pictures of the batch; a click picks one, Shift goes on to another. */

import * as editor from '../editor.js';
import { fill, make } from '../gallery.js';
import { picturesOf } from '../results.js';
import { t } from '../words.js';

/** @import {Node} from '../editor.js' */

const HEIGHT = 132;

/** @type {WeakMap<Node, HTMLElement>} */
const boxes = new WeakMap();

/** @param {Node} node */
function refresh(node) {
  const batch = editor.source(node, editor.input(node, 'image_embed'));
  const pictures = batch ? picturesOf(batch) : [];
  const known = boxes.get(node);
  if (!pictures.length && !known) return; // nothing was drawn yet: the node stays small
  const box = known ?? make('div');
  if (!known) {
    boxes.set(node, box);
    editor.place(node, 'unclip_pictures', box, () => HEIGHT);
  }
  const first = () => {
    const index = Number(editor.value(node, 'index')) || 0;
    return index < 0 ? index + pictures.length : index;
  };
  fill(box, pictures, {
    label: t('picker.label'),
    name: (n) => t('picker.picture', { n: n + 1 }),
    chosen: (n) => n >= first() && n < first() + (Number(editor.value(node, 'length')) || 1),
    choose(n, further) {
      const from = further ? Math.min(first(), n) : n;
      const to = further ? Math.max(first(), n) : n;
      editor.inOneStep(() => {
        editor.setValue(node, 'index', from);
        editor.setValue(node, 'length', to - from + 1);
      });
      refresh(node);
      /** @type {HTMLElement | undefined} */ (box.children[n])?.focus();
    },
  });
}

function refreshAll() {
  for (const node of editor.nodes()) if (node.type === 'UnCLIPEmbedFromBatch') refresh(node);
}

let waiting = 0;
function later() {
  clearTimeout(waiting);
  waiting = setTimeout(refreshAll, 100);
}

/** @type {import('../unclip.js').Part} */
export const part = {
  setup() {
    editor.on('executed', later);
    editor.on('graphChanged', later);
  },
  afterConfigureGraph: later,
};
