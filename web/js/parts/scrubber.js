/** A sweep is looked through: a slider under its pictures shows one frame at a time. */

import * as editor from '../editor.js';
import { make, style } from '../gallery.js';
import { originOf } from '../results.js';
import { t } from '../words.js';

/** @import {Node, Picture} from '../editor.js' */

const HEIGHT = 210;

/** @type {WeakMap<Node, {image: HTMLImageElement, range: HTMLInputElement, pictures: Picture[]}>} */
const scrubbers = new WeakMap();

/** The frames that a node shows, if what it shows is a sweep. @param {Node} node */
function frames(node) {
  const origin = originOf(node);
  const swept = origin && Number(editor.value(origin.embed.node, 'frames')) > 1;
  return swept && origin.decode !== node ? editor.pictures(node) : [];
}

/** @param {Node} node */
function refresh(node) {
  const pictures = frames(node);
  if (pictures.length < 2 && !scrubbers.has(node)) return;
  const known = scrubbers.get(node) ?? newScrubber(node);
  known.pictures = pictures;
  known.range.max = String(Math.max(0, pictures.length - 1));
  known.range.dispatchEvent(new Event('input'));
}

/** @param {Node} node */
function newScrubber(node) {
  style();
  const image = make('img', { alt: '', draggable: false });
  const range = make('input', { type: 'range', min: '0', value: '0' });
  range.setAttribute('aria-label', t('scrubber.label'));
  const own = { image, range, pictures: /** @type {Picture[]} */ ([]) };
  range.oninput = () => {
    const n = Number(range.value);
    image.src = own.pictures[n]?.url ?? '';
    range.setAttribute('aria-valuetext', t('picker.picture', { n: n + 1 }));
  };
  range.onkeydown = (event) => event.stopPropagation(); // arrows move nodes otherwise
  range.onpointerdown = (event) => event.stopPropagation();
  scrubbers.set(node, own);
  const box = make('div', { className: 'unclip-scrubber' }, [image, range]);
  editor.place(node, 'unclip_frames', box, () => HEIGHT);
  return own;
}

let waiting = 0;
function later() {
  clearTimeout(waiting);
  waiting = setTimeout(() => {
    for (const node of editor.nodes()) if (editor.input(node, 'images') >= 0) refresh(node);
  }, 100);
}

/** @type {import('../unclip.js').Part} */
export const part = {
  setup: () => editor.on('executed', later),
};
