/**
 * Blend: a pad whose corners are up to four of its embeddings, and inputs that grow: one more than
 * are wired is shown.
 */

import * as editor from '../editor.js';
import { make, style } from '../gallery.js';
import { picturesOf } from '../results.js';
import { t } from '../words.js';

/** @import {Node} from '../editor.js' */

const GROWING = ['UnCLIPBlend', 'UnCLIPEmbedBatch'];
const LEAST = 2;
const HEIGHT = 190;
const STEP = 0.05;
/** Where the corners are, in the order of the inputs. */
const CORNERS = [
  [0, 0],
  [1, 0],
  [0, 1],
  [1, 1],
];

/** @param {Node} node */
const numbered = (node) => node.inputs.filter((one) => /^image_embed_\d$/.test(one.name));

/** @param {Node} node @param {number} n from 0 */
const slotOf = (node, n) => editor.input(node, `image_embed_${n + 1}`);

/** How many inputs are in use, counted to the last that is wired. @param {Node} node */
function used(node) {
  const wired = numbered(node).map((one) => editor.wireInto(node, node.inputs.indexOf(one)));
  return wired.findLastIndex(Boolean) + 1;
}

/** Shows as many inputs, and weights, as are wired and one more. @param {Node} node */
function grow(node) {
  const most = editor.numberOf(node, /^image_embed_\d$/);
  const wanted = Math.min(most, Math.max(LEAST, used(node) + 1));
  const there = numbered(node).length;
  for (let n = there; n < wanted; n += 1) {
    const added = node.addInput(`image_embed_${n + 1}`, 'UNCLIP_IMAGE_EMBED');
    const [first] = numbered(node);
    added.localized_name = first.localized_name?.replace('1', String(n + 1));
  }
  for (let n = there; n > wanted; n -= 1) node.removeInput(slotOf(node, n - 1));
  for (let n = 0; n < most; n += 1) editor.hide(node, `weight_${n + 1}`, n >= wanted);
  if (there !== wanted) editor.fit(node);
}

/** The place of the weights on the pad. @param {number[]} weights */
export function placeOf(weights) {
  const parts = weights.map((one) => Math.max(0, one));
  const sum = parts.reduce((a, b) => a + b, 0) || 1;
  if (weights.length === 2) return [parts[1] / sum, 0.5];
  return [0, 1].map((axis) => parts.reduce((at, w, n) => at + (w / sum) * CORNERS[n][axis], 0));
}

/**
 * The weights of a place, of so many corners.
 * @param {number} x @param {number} y @param {number} count @returns {number[]}
 */
export function weightsAt(x, y, count) {
  if (count === 2) return [1 - x, x];
  const all = CORNERS.map(([cx, cy]) => (cx ? x : 1 - x) * (cy ? y : 1 - y));
  return all.slice(0, count);
}

/** @type {WeakMap<Node, HTMLElement>} */
const pads = new WeakMap();

/** @param {Node} node */
function refresh(node) {
  const count = Math.min(4, used(node));
  if (count < LEAST) return;
  const pad = pads.get(node) ?? newPad(node);
  const weights = [...Array(count).keys()].map((n) => Number(editor.value(node, `weight_${n + 1}`)));
  let [x, y] = ['--x', '--y'].map((name) => Number(pad.style.getPropertyValue(name) || 0.5));
  const there = weightsAt(x, y, count);
  if (there.some((w, n) => Math.abs(w - weights[n]) > 0.01)) {
    [x, y] = placeOf(weights); // somebody else has set them
    pad.style.setProperty('--x', String(x));
    pad.style.setProperty('--y', String(y));
  }
  const said = weights.map((w, n) => `${n + 1}: ${w.toFixed(2)}`).join(', ');
  pad.setAttribute('aria-valuetext', said);
  pad.setAttribute('aria-valuenow', String(Math.round(x * 100)));
  const [knob] = pad.children;
  pad.replaceChildren(knob, ...[...Array(count).keys()].map((n) => corner(node, n)));
}

/** @param {Node} node @param {number} n */
function corner(node, n) {
  const end = editor.source(node, slotOf(node, n));
  const picture = end && (editor.pictures(end.node)[0] ?? picturesOf(end)[0]);
  const element = picture
    ? make('img', { src: picture.url, alt: '', draggable: false })
    : make('span', { textContent: String(n + 1) });
  element.className = `unclip-corner unclip-corner-${n + 1}`;
  return element;
}

/** @param {Node} node */
function newPad(node) {
  style();
  const pad = make('div', { className: 'unclip-pad', tabIndex: 0 }, [make('i')]);
  for (const [name, value] of Object.entries({
    role: 'slider',
    'aria-label': t('blend.pad'),
    'aria-valuemin': 0,
    'aria-valuemax': 100,
  }))
    pad.setAttribute(name, String(value));
  pads.set(node, pad);
  const move = (/** @type {number} */ x, /** @type {number} */ y) => put(node, x, y);
  pad.onpointerdown = (event) => {
    event.stopPropagation();
    pad.setPointerCapture(event.pointerId);
    drag(pad, event, move);
  };
  pad.onpointermove = (event) => {
    if (pad.hasPointerCapture(event.pointerId)) drag(pad, event, move);
  };
  pad.onkeydown = (event) => {
    const [dx, dy] = /** @type {Record<string, number[]>} */ ({
      ArrowLeft: [-STEP, 0],
      ArrowRight: [STEP, 0],
      ArrowUp: [0, -STEP],
      ArrowDown: [0, STEP],
    })[event.key] ?? [0, 0];
    if (!dx && !dy) return;
    event.preventDefault();
    event.stopPropagation();
    const [x, y] = ['--x', '--y'].map((name) => Number(pad.style.getPropertyValue(name)));
    move(x + dx, y + dy);
  };
  editor.place(node, 'unclip_pad', pad, () => HEIGHT);
  return pad;
}

/** @param {HTMLElement} pad @param {PointerEvent} event @param {(x: number, y: number) => void} to */
function drag(pad, event, to) {
  const { left, top, width, height } = pad.getBoundingClientRect();
  to((event.clientX - left) / width, (event.clientY - top) / height);
}

/** @param {Node} node @param {number} x @param {number} y */
function put(node, x, y) {
  const [across, down] = [x, y].map((one) => Math.min(1, Math.max(0, one)));
  pads.get(node)?.style.setProperty('--x', String(across));
  pads.get(node)?.style.setProperty('--y', String(down));
  const weights = weightsAt(across, down, Math.min(4, used(node)));
  editor.inOneStep(() =>
    weights.forEach((w, n) => editor.setValue(node, `weight_${n + 1}`, Math.round(w * 100) / 100))
  );
  refresh(node);
}

let waiting = 0;
function later() {
  clearTimeout(waiting);
  waiting = setTimeout(() => {
    for (const node of editor.nodes()) {
      if (GROWING.includes(node.type)) grow(node);
      if (node.type === 'UnCLIPBlend') refresh(node);
    }
  }, 100);
}

/** @type {import('../unclip.js').Part} */
export const part = {
  setup() {
    editor.on('graphChanged', later);
    editor.on('executed', later);
  },
  nodeCreated(node) {
    if (GROWING.includes(editor.classOf(node))) later();
  },
  afterConfigureGraph: later,
};
