/**
 * Which embedding space a wire carries: found by following it to the model, or the file, that
 * makes what it carries.
 */

import { input, source, value } from './editor.js';

/** @import {Node, End} from './editor.js' */
/** @typedef {{id: string, name: string, dim: number, text: string, vision: string}} Space */
/**
 * @typedef {object} Model
 * @property {Record<string, Space | null>} [stages] nothing where the model cannot be opened
 * @property {boolean} [upscales]
 */
/**
 * What the server knows.
 * @typedef {object} Known
 * @property {Record<string, Model>} models
 * @property {Record<string, {space?: Space}>} embeddings
 * @property {Record<string, Space>} spaces
 */
/**
 * @typedef {object} Mismatch
 * @property {Node} node
 * @property {number} slot the input that does not fit
 * @property {Space} found
 * @property {Space} wanted
 * @property {string} model what wants it
 */

const MODELS = ['decoder', 'prior', 'image_encoder', 'text_encoder'];
/** A decoder reads the prompt of another tower anew, so its text may be of any space. */
const READ_ANEW = ['text_embed', 'negative_text_embed'];

/** Whether vectors of both can be mixed: by their projections if both are known. */
/** @param {Space} one @param {Space} other */
export function same(one, other) {
  /** @type {(keyof Space)[]} */
  const towers = ['text', 'vision'];
  const known = towers.filter((tower) => one[tower] && other[tower]);
  return known.length
    ? known.every((tower) => one[tower] === other[tower])
    : one.id === other.id;
}

/** A short name for a badge. @param {Space} space @param {Known} known */
export function shortName(space, known) {
  if (!space.name.startsWith('CLIP ')) return space.name.replace(/^\S+ CLIP |^OpenCLIP /, '');
  const own = Object.entries(known.models).find(([, { stages }]) =>
    Object.values(stages ?? {}).some((one) => one?.id === space.id)
  );
  return own ? own[0] : space.name;
}

/** What was found so far: ways through a graph meet again. */
/** @typedef {Map<Node, Map<number, Space | null>>} Seen */

/**
 * The space of what an output gives, null if nobody knows.
 * @param {End | null} end @param {Known} known @param {Seen} [seen] @returns {Space | null}
 */
export function spaceOf(end, known, seen = new Map()) {
  if (!end) return null;
  const own = seen.get(end.node) ?? new Map();
  seen.set(end.node, own);
  if (!own.has(end.slot)) {
    own.set(end.slot, null); // should it lead back here
    own.set(end.slot, find(end, known, seen));
  }
  return own.get(end.slot) ?? null;
}

/** @param {End} end @param {Known} known @param {Seen} seen @returns {Space | null} */
function find({ node, slot }, known, seen) {
  const output = node.outputs?.[slot]?.name ?? '';
  if (node.type === 'UnCLIPLoader') {
    return known.models[value(node, 'model')]?.stages?.[output] ?? null;
  }
  if (node.type === 'UnCLIPLoadEmbed') return known.embeddings[value(node, 'embed')]?.space ?? null;
  if (node.type === 'UnCLIPFromClipVision') return known.spaces[value(node, 'encoder')] ?? null;
  const namesake = input(node, output); // a LoRA's prior comes from its prior
  for (const one of namesake < 0 ? carriers(node) : [namesake, ...carriers(node)]) {
    const space = spaceOf(source(node, one), known, seen);
    if (space) return space;
  }
  return null;
}

/**
 * The inputs whose spaces must be one, models first.
 * @param {Node} node @returns {number[]}
 */
export function carriers(node) {
  const names = (node.inputs ?? []).map((one) => one.name);
  const ours = [...names.keys()].filter(
    (slot) =>
      String(node.inputs[slot].type).startsWith('UNCLIP_') &&
      node.inputs[slot].type !== 'UNCLIP_NOISE' &&
      !(names.includes('decoder') && READ_ANEW.includes(names[slot]))
  );
  const isModel = (/** @type {number} */ slot) => MODELS.includes(names[slot]);
  return [...ours.filter(isModel), ...ours.filter((slot) => !isModel(slot))];
}

/**
 * What does not fit at a node.
 * @param {Node} node @param {Known} known @param {Seen} [seen] @returns {Mismatch[]}
 */
export function mismatches(node, known, seen) {
  /** @type {{slot: number, space: Space}[]} */
  const found = [];
  for (const slot of carriers(node)) {
    const space = spaceOf(source(node, slot), known, seen);
    if (space) found.push({ slot, space });
  }
  const [first, ...others] = found;
  return others
    .filter(({ space }) => !same(space, first.space))
    .map(({ slot, space }) => ({
      node,
      slot,
      found: space,
      wanted: first.space,
      model: node.inputs[first.slot].name,
    }));
}

/** Models of a space that can make embeddings of it. @param {Space} space @param {Known} known */
export const makers = (space, known) =>
  Object.keys(known.models).filter((name) =>
    ['prior', 'image_encoder'].some((stage) => {
      const own = known.models[name].stages?.[stage];
      return own && same(own, space);
    })
  );
