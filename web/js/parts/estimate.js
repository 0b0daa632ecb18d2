/** While a node samples: how long it will take, on its badge. */

import * as editor from '../editor.js';
import { t } from '../words.js';

/** @import {Node} from '../editor.js' */

const COLOURS = { fgColor: '#e8eaed', bgColor: '#2f5d46' };
const PAUSE = 500;
const LEAST = 2; // seconds that are worth saying

/** @type {{node: Node, from: number, since: number, told: number} | null} */
let running = null;

function end() {
  if (running) editor.setBadge(running.node, 'time', null);
  running = null;
}

/** @param {{node: string, value: number, max: number}} progress */
function step({ node, value, max }) {
  const found = editor.nodeOfRun(node);
  const now = performance.now();
  if (!found || !editor.isOurs(found)) return;
  if (running?.node !== found) {
    end();
    running = { node: found, from: value, since: now, told: now };
  }
  const done = value - running.from;
  if (done < 1 || now - running.told < PAUSE) return;
  running.told = now;
  const seconds = Math.round((((now - running.since) / done) * (max - value)) / 1000);
  const badge = seconds < LEAST ? null : { text: t('estimate.left', { seconds }), ...COLOURS };
  editor.setBadge(found, 'time', badge);
}

/** @type {import('../unclip.js').Part} */
export const part = {
  setup() {
    editor.on('progress', step);
    editor.on('executing', end);
    for (const over of ['execution_success', 'execution_error', 'execution_interrupted']) {
      editor.on(over, end);
    }
  },
  nodeCreated(node) {
    if (editor.isOurs(node)) editor.reserveBadge(node, 'time');
  },
};
