/**
 * From a picture on the screen back to what it was drawn of, and on from there: the nodes that
 * vary, edit, blend, enlarge or describe it.
 */

import * as editor from './editor.js';

/** @import {Node, End} from './editor.js' */
/**
 * Where pictures come from.
 * @typedef {object} Origin
 * @property {Node} shower the node that shows them
 * @property {Node} decode the node that drew them
 * @property {End} embed what it drew
 * @property {number} count pictures of each embedding
 */

const DRAWS = ['UnCLIPDecode', 'UnCLIPRegionEdit'];
const GAP = 60;

/** What the pictures of a node were drawn of; null if not by our decoder. */
/** @param {Node} shower @returns {Origin | null} */
export function originOf(shower) {
  const slot = editor.input(shower, 'images');
  const decode = slot < 0 ? shower : editor.source(shower, slot)?.node;
  if (!decode || !DRAWS.includes(decode.type)) return null;
  const embed = editor.source(decode, editor.input(decode, 'image_embed'));
  return embed && { shower, decode, embed, count: Number(editor.value(decode, 'count')) || 1 };
}

/** Follows a wire back through nodes that hand the same kind on, as LoRA does a decoder. */
/** @param {Node} node @param {string} name @returns {Node | null} */
function loaderOf(node, name) {
  const end = editor.source(node, editor.input(node, name));
  if (!end) return null;
  return editor.input(end.node, name) < 0 ? end.node : loaderOf(end.node, name);
}

/** The output of that name. @param {Node} node @param {string} name */
const output = (node, name) => node.outputs.findIndex((one) => one.name === name);

/** The prompt behind an embedding, as far as it was made from text. @param {Node} node */
export function promptOf(node, depth = 0) {
  if (node.type === 'UnCLIPTextEncode') return String(editor.value(node, 'text') ?? '');
  for (const name of ['text_embed', 'to_text_embed', 'image_embed', 'image_embed_1']) {
    const end = depth < 50 ? editor.source(node, editor.input(node, name)) : null;
    /** @type {string} */
    const found = end ? promptOf(end.node, depth + 1) : '';
    if (found) return found;
  }
  return '';
}

/** Builds what goes on from one picture, beside what is there. */
class Builder {
  /** @param {Origin} origin @param {number} index of the picture */
  constructor(origin, index) {
    this.origin = origin;
    /** The picture's name as an input, for those that need one. */
    this.file = '';
    this.index = index;
    /** @type {Node[]} */
    this.added = [];
    const [x, y] = freePlace(origin.shower);
    this.x = x;
    this.y = y;
  }

  /** A node in the next column, or below the last. */
  /** @param {string} type @param {Record<string, any>} [values] @param {boolean} [below] */
  node(type, values = {}, below = false) {
    const last = this.added.at(-1);
    if (last && below) this.y += last.size[1] + GAP;
    else if (last) {
      this.x += Math.max(...this.added.map((one) => one.size[0])) + GAP;
      this.y = this.added[0].pos[1];
    }
    const node = editor.add(type, [this.x, this.y], values);
    if (!node) throw new Error(`the server has no ${type}`);
    node.size[0] = Math.max(node.size[0], 270);
    this.added.push(node);
    return node;
  }

  /** The embedding of the picture alone. @returns {End} */
  embed() {
    const { embed, count } = this.origin;
    const shown = editor.pictures(this.origin.shower).length;
    if (shown <= count) return embed;
    const index = Math.floor(this.index / count);
    const pick = this.node('UnCLIPEmbedFromBatch', { index, length: 1 });
    editor.connect(embed.node, embed.slot, pick, 'image_embed');
    return { node: pick, slot: 0 };
  }

  /** Draws an embedding as the picture was drawn, and shows it. @param {End} end */
  draw(end) {
    const { decode } = this.origin;
    /** @type {Record<string, any>} */
    const values = { count: 1 };
    const names = ['seed', 'steps', 'guidance_scale', 'width', 'height', 'scheduler'];
    for (const name of names) values[name] = editor.value(decode, name);
    values.control_after_generate = 'fixed';
    const drawn = this.node('UnCLIPDecode', values);
    editor.connect(end.node, end.slot, drawn, 'image_embed');
    for (const name of ['decoder', 'negative_image_embed', 'text_embed']) this.share(drawn, name);
    this.show(drawn, 0);
  }

  /** Draws what the picture shows within a mask. @param {End} image @param {End} mask */
  redraw(image, mask) {
    const { embed } = this.origin;
    const edit = this.node('UnCLIPRegionEdit', { control_after_generate: 'fixed' });
    this.share(edit, 'decoder');
    editor.connect(image.node, image.slot, edit, 'image');
    editor.connect(mask.node, mask.slot, edit, 'mask');
    editor.connect(embed.node, embed.slot, edit, 'image_embed');
    this.show(edit, 0);
  }

  /** Wires an input as it is wired in the node that drew the picture. */
  /** @param {Node} node @param {string} name */
  share(node, name) {
    const end = editor.source(this.origin.decode, editor.input(this.origin.decode, name));
    if (end && end.node.graph === node.graph) editor.connect(end.node, end.slot, node, name);
  }

  /** @param {Node} node @param {number} slot @param {string} [type] */
  show(node, slot, type = 'PreviewImage') {
    const shower = this.node(type);
    node.connect(slot, shower, 0);
  }

  /** Wires a stage of the model that drew the picture. @param {Node} node @param {string} name */
  stage(node, name) {
    const loader = loaderOf(this.origin.decode, 'decoder');
    const slot = loader ? output(loader, name) : -1;
    if (loader && slot >= 0 && loader.graph === node.graph) editor.connect(loader, slot, node, name);
  }
}

/** Right of a node, or below everything where something stands there. */
/** @param {Node} node @returns {[number, number]} */
function freePlace(node) {
  const x = node.pos[0] + node.size[0] + GAP;
  const others = [...(editor.shown()._nodes ?? [])];
  const taken = others.some((one) => one.pos[0] + one.size[0] > x);
  if (!taken) return [x, node.pos[1]];
  return [node.pos[0], Math.max(...others.map((one) => one.pos[1] + one.size[1])) + 2 * GAP];
}

const seed = () => Math.floor(Math.random() * 2 ** 32);

/** @type {Record<string, (build: Builder) => void>} */
const BUILDS = {
  vary_subtle: (build) => vary(build, 0.15),
  vary_strong: (build) => vary(build, 0.45),
  edit(build) {
    const embed = build.embed();
    const text = promptOf(embed.node);
    const from = build.node('UnCLIPTextEncode', { text });
    const to = build.node('UnCLIPTextEncode', { text }, true);
    for (const one of [from, to]) build.stage(one, 'text_encoder');
    const edit = build.node('UnCLIPTextDiff');
    editor.connect(embed.node, embed.slot, edit, 'image_embed');
    editor.connect(from, 0, edit, 'from_text_embed');
    editor.connect(to, 0, edit, 'to_text_embed');
    build.draw({ node: edit, slot: 0 });
  },
  blend(build) {
    const embed = build.embed();
    const other = build.node('LoadImage');
    const encode = build.node('UnCLIPImageEncode');
    build.stage(encode, 'image_encoder');
    editor.connect(other, 0, encode, 'image');
    const blend = build.node('UnCLIPBlend');
    editor.connect(embed.node, embed.slot, blend, 'image_embed_1');
    editor.connect(encode, 0, blend, 'image_embed_2');
    build.draw({ node: blend, slot: 0 });
  },
  zoom_out: (build) => outpaint(build, { left: 1, top: 1, right: 1, bottom: 1 }),
  pan_left: (build) => outpaint(build, { left: 2 }),
  pan_right: (build) => outpaint(build, { right: 2 }),
  pan_up: (build) => outpaint(build, { top: 2 }),
  pan_down: (build) => outpaint(build, { bottom: 2 }),
  region(build) {
    const image = build.node('LoadImage');
    editor.offer(image, 'image', build.file);
    editor.setValue(image, 'image', build.file);
    build.redraw({ node: image, slot: 0 }, { node: image, slot: 1 });
  },
  upscale(build) {
    const upscale = build.node('UnCLIPUpscale', { control_after_generate: 'fixed' });
    build.share(upscale, 'decoder');
    editor.connect(build.origin.decode, 0, upscale, 'image');
    build.show(upscale, 0);
  },
  describe(build) {
    const embed = build.embed();
    const describe = build.node('UnCLIPDescribe');
    editor.connect(embed.node, embed.slot, describe, 'image_embed');
    build.stage(describe, 'text_encoder');
    build.show(describe, 0, 'PreviewAny');
  },
};

/** Draws beyond the frame. @param {Builder} build @param {Record<string, number>} sides in quarters */
function outpaint(build, sides) {
  const { decode, shower } = build.origin;
  const edge = editor.pictureEdge(shower) || Number(editor.value(decode, 'width')) || 256;
  const quarter = Math.max(8, Math.round(edge / 32) * 8);
  const none = { left: 0, top: 0, right: 0, bottom: 0 };
  const grown = Object.entries(sides).map(([side, parts]) => [side, parts * quarter]);
  const values = { ...none, ...Object.fromEntries(grown), feathering: quarter / 2 };
  const pad = build.node('ImagePadForOutpaint', values);
  editor.connect(decode, 0, pad, 'image');
  build.redraw({ node: pad, slot: 0 }, { node: pad, slot: 1 });
}

/** @param {Builder} build @param {number} strength */
function vary(build, strength) {
  const embed = build.embed();
  const values = { strength, count: 4, seed: seed(), control_after_generate: 'fixed' };
  const vary = build.node('UnCLIPVary', values);
  editor.connect(embed.node, embed.slot, vary, 'image_embed');
  build.draw({ node: vary, slot: 0 });
}

/** What can be done with a picture, in the menu's order. */
export const ACTIONS = Object.keys(BUILDS);

/** Those that need a result of one picture: they draw all of it again. */
export const OF_ONE = ['zoom_out', 'pan_left', 'pan_right', 'pan_up', 'pan_down', 'region'];

/**
 * Adds the nodes of an action, one undo away.
 * @param {string} action @param {Origin} origin @param {number} index of the picture
 */
export async function goOn(action, origin, index) {
  const picture = editor.pictures(origin.shower)[index];
  const file = action === 'region' ? await editor.asInput(picture) : '';
  const build = new Builder(origin, index);
  build.file = file;
  editor.inOneStep(() => BUILDS[action](build));
  if (action !== 'region') return editor.select(build.added);
  const [image] = build.added;
  editor.select([image]);
  await editor.brush(image);
}

/**
 * Pictures of the rows that an output gives, in order, wherever they are drawn and shown.
 * @param {End} end @returns {import('./editor.js').Picture[]}
 */
export function picturesOf({ node, slot }) {
  for (const reader of editor.readers(node, slot)) {
    const name = reader.node.inputs[reader.slot].name;
    if (reader.node.type === 'UnCLIPEmbedBatch' && name === 'image_embed_1') {
      const rows = Number(editor.value(node, 'count')) || Infinity;
      const found = picturesOf({ node: reader.node, slot: 0 });
      if (found.length) return found.slice(0, rows);
    }
    if (!DRAWS.includes(reader.node.type) || name !== 'image_embed') continue;
    const count = Number(editor.value(reader.node, 'count')) || 1;
    for (const shower of [reader.node, ...editor.readers(reader.node, 0).map((one) => one.node)]) {
      const found = editor.pictures(shower);
      if (found.length) return found.filter((_, n) => n % count === 0);
    }
  }
  return [];
}
