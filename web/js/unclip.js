/**
 * The extension: registers its parts. A part that fails is left out and said so in the console.
 *
 * @import {ComfyExtension} from '@comfyorg/comfyui-frontend-types'
 */

import { register } from './editor.js';
import { learn } from './words.js';

/** What a part may export; the same names and times as an extension's. */
/** @typedef {Partial<ComfyExtension>} Part */

const PARTS = [
  'colours',
  'warnings',
  'spaces',
  'menu',
  'picker',
  'missing',
  'prompt',
  'sidebar',
  'blend',
  'scrubber',
  'estimate',
  'choices',
  'notes',
];

/** @param {unknown} error */
const complain = (error) => console.warn('[unCLIP]', error);

await learn().catch(complain); // else English stays; parts say their first words when they load

/** @type {Part[]} */
const parts = [];
for (const [n, found] of (
  await Promise.allSettled(PARTS.map((name) => import(`./parts/${name}.js`)))
).entries()) {
  if (found.status === 'fulfilled') parts.push(found.value.part);
  else console.warn(`[unCLIP] ${PARTS[n]} is left out:`, found.reason);
}

/** @param {(part: Part) => any} call */
function each(call) {
  return parts.map((part) => {
    try {
      const done = call(part);
      if (done?.catch) done.catch(complain);
      return done;
    } catch (error) {
      complain(error);
    }
  });
}

register({
  name: 'unclip-graph',
  settings: parts.flatMap((part) => part.settings ?? []),
  commands: parts.flatMap((part) => part.commands ?? []),
  keybindings: parts.flatMap((part) => part.keybindings ?? []),
  init: (app) => void each((part) => part.init?.(app)),
  setup: (app) => void each((part) => part.setup?.(app)),
  nodeCreated: (node, app) => void each((part) => part.nodeCreated?.(node, app)),
  afterConfigureGraph: (missing, app) =>
    void each((part) => part.afterConfigureGraph?.(missing, app)),
  getNodeMenuItems: (node) => each((part) => part.getNodeMenuItems?.(node) ?? []).flat(),
});
