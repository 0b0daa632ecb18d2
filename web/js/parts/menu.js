/** The menu on a result, and its commands: vary, edit by text, blend with, upscale, describe. */

import * as editor from '../editor.js';
import { dialog, fill, make } from '../gallery.js';
import { ACTIONS, OF_ONE, goOn, originOf } from '../results.js';
import { t } from '../words.js';
import { facts } from './spaces.js';

/** @import {Origin} from '../results.js' */

/** @param {Origin} origin */
function actions(origin) {
  const end = editor.source(origin.decode, editor.input(origin.decode, 'decoder'));
  const model = end ? editor.value(end.node, 'model') : '';
  const several = editor.pictures(origin.shower).length !== 1;
  return ACTIONS.filter(
    (one) =>
      !(one === 'upscale' && !facts().models[model]?.upscales) && !(several && OF_ONE.includes(one))
  );
}

/** @param {string} action @param {Origin} origin @param {number} n */
const go = (action, origin, n) =>
  goOn(action, origin, n).catch((error) =>
    editor.say({ severity: 'error', summary: t(`menu.${action}`), detail: String(error) })
  );

/** Does something with a picture of a node; asks which, if there are several. */
/** @param {string} action @param {Origin} origin */
function act(action, origin) {
  const pictures = editor.pictures(origin.shower);
  if (pictures.length < 2) return go(action, origin, 0);
  const box = make('div');
  const shown = dialog(t('menu.which'), [box]);
  fill(box, pictures, {
    label: t('menu.which'),
    name: (n) => t('picker.picture', { n: n + 1 }),
    chosen: (n) => n === 0,
    choose: (n) => {
      shown.close();
      go(action, origin, n);
    },
  });
  /** @type {HTMLElement | null} */ (box.querySelector('button'))?.focus();
}

/** The result that a command is about: of the chosen node, else the only one. */
function current() {
  const chosen = editor.selected();
  const among = chosen.length ? chosen : editor.nodes();
  const found = among.map(originOf).filter((one) => one !== null);
  return found.find((one) => editor.pictures(one.shower).length) ?? found[0] ?? null;
}

/** @param {string} action */
const command = (action) => ({
  id: `unclip-graph.${action}`,
  label: `unCLIP: ${t(`menu.${action}`)}`,
  function: () => {
    const origin = current();
    if (origin && actions(origin).includes(action)) act(action, origin);
    else editor.say({ severity: 'info', summary: t('menu.nothing'), life: 4000 });
  },
});

/** @type {import('../unclip.js').Part} */
export const part = {
  commands: ACTIONS.map(command),
  keybindings: [
    { commandId: 'unclip-graph.vary_subtle', combo: { key: 'v', alt: true, shift: true } },
    { commandId: 'unclip-graph.edit', combo: { key: 'e', alt: true, shift: true } },
    { commandId: 'unclip-graph.blend', combo: { key: 'b', alt: true, shift: true } },
    { commandId: 'unclip-graph.describe', combo: { key: 'd', alt: true, shift: true } },
  ],
  getNodeMenuItems(node) {
    const origin = originOf(node);
    if (!origin) return [];
    const options = actions(origin).map((action) => ({
      content: t(`menu.${action}`),
      callback: () => void act(action, origin),
    }));
    return [null, { content: t('menu.title'), has_submenu: true, submenu: { options } }];
  },
};
