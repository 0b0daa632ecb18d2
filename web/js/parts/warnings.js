/** Warnings of a run stay: a badge on the node and a message, until the next run. */

import { isOurs, nodeOfRun, on, reserveBadge, say, setBadge } from '../editor.js';
import { said, t } from '../words.js';

/** @import {Node} from '../editor.js' */

const MARK = '⚠ ';
const COLOURS = { fgColor: '#1a1300', bgColor: '#f5b83d' };

/** @type {Map<Node, Map<string, () => void>>} texts by node, and what takes each message away */
const told = new Map();

/** @param {Node} node @param {string} text */
function warn(node, text) {
  const known = told.get(node) ?? new Map();
  if (known.has(text)) return;
  told.set(node, known.set(text, show(node, text)));
  const badge = t('warning.badge', { count: known.size });
  setBadge(node, 'warning', { text: badge, ...COLOURS, onClick: () => repeat(node) });
}

/** @param {Node} node @param {string} text */
const show = (node, text) => say({ severity: 'warn', summary: node.title, detail: text });

/** Shows a node's messages again: the person may have closed them. @param {Node} node */
function repeat(node) {
  for (const [text, remove] of told.get(node) ?? []) {
    remove();
    told.get(node)?.set(text, show(node, text));
  }
}

/** @param {Node} node */
function forget(node) {
  for (const remove of told.get(node)?.values() ?? []) remove();
  setBadge(node, 'warning', null);
  told.delete(node);
}

/** @type {import('../unclip.js').Part} */
export const part = {
  commands: [
    {
      id: 'unclip-graph.ShowWarnings',
      label: 'unCLIP: show the warnings of the last run',
      function: () => {
        [...told.keys()].forEach(repeat);
        if (!told.size) say({ severity: 'info', summary: t('warning.none'), life: 3000 });
      },
    },
  ],
  setup() {
    // A node whose result is kept does not run, and what it was warned of still holds.
    on('execution_cached', ({ nodes }) => {
      const kept = new Set(nodes.map(nodeOfRun));
      for (const node of [...told.keys()]) if (!kept.has(node)) forget(node);
    });
    on('executed', ({ node, output }) => {
      const found = nodeOfRun(node);
      const warnings = output?.unclip_warnings;
      if (!found || !warnings) return;
      if (told.has(found)) forget(found); // said at work, in English
      for (const { text } of warnings) warn(found, said(text));
    });
    // The editor shows the English text; where there are words for it, they stand beside it.
    on('execution_error', ({ node_id, exception_message: text }) => {
      const found = nodeOfRun(node_id);
      if (!found || said(text) === text) return;
      say({ severity: 'error', summary: found.title, detail: said(text), life: 30_000 });
    });
    // A node that fails, or is still at work, says it this way only.
    on('progress_text', ({ nodeId, text }) => {
      const found = nodeOfRun(nodeId);
      if (found && isOurs(found) && text.startsWith(MARK)) warn(found, said(text.slice(MARK.length)));
    });
  },
  nodeCreated(node) {
    if (isOurs(node)) reserveBadge(node, 'warning');
  },
};
