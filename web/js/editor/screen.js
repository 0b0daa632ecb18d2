/** What is seen of the editor's graph: colours, marks, badges, pictures, elements on nodes. */

import { anyApp, api, app, shared } from './app.js';
import { nodes, redraw, root, shown, widget } from './graph.js';

/** @import {Graph, Link, Node} from './graph.js' */
/**
 * @typedef {object} Badge
 * @property {string} text
 * @property {string} [fgColor]
 * @property {string} [bgColor]
 * @property {() => void} [onClick]
 */
/** @typedef {{url: string, filename: string, subfolder: string, type: string}} Picture */

/**
 * Gives wires and sockets of a type a colour; a palette that has one for it keeps its own.
 * @param {string} type @param {string} colour
 */
export function colourType(type, colour) {
  const tables = [app.canvas.default_connection_color_byType, shared.LGraphCanvas.link_type_colors];
  for (const table of tables) {
    // Palettes empty what they do not name, each time one is chosen.
    let own = table[type] || '';
    Object.defineProperty(table, type, {
      get: () => own || colour,
      set: (given) => (own = given),
      enumerable: true,
      configurable: true,
    });
  }
}

/** @type {Link[]} */
let marked = [];
let marks = '';
let draws = false;

/**
 * Draws wires in a colour over their own, until called again. Editor 1.58 takes no colour of a
 * single wire.
 * @param {Link[]} wires @param {string} colour
 */
export function markWires(wires, colour) {
  if (!draws && wires.length) {
    draws = true;
    const before = anyApp.canvas.onDrawForeground;
    anyApp.canvas.onDrawForeground = (/** @type {any[]} */ ...given) => {
      before?.apply(app.canvas, given);
      for (const wire of marked) drawMark(given[0], wire);
    };
  }
  marks = colour;
  if (marked.length || wires.length) redraw();
  marked = wires;
}

/** @param {CanvasRenderingContext2D} ctx @param {any} wire */
function drawMark(ctx, wire) {
  if (!wire.path || shown()?.getLink(wire.id) !== wire) return;
  ctx.save();
  ctx.strokeStyle = marks;
  ctx.lineWidth = 4;
  ctx.setLineDash([12, 6]);
  ctx.stroke(wire.path);
  ctx.restore();
}

/** @type {WeakMap<Node, Map<string, any>>} */
const badges = new WeakMap();

/**
 * Gives a node a place for a badge. Nodes 2.0 asks for it again only if something that it has
 * seen asked before has changed: our count in the editor's own reactive store.
 * @param {Node} node @param {string} key
 */
export function reserveBadge(node, key) {
  const empty = new shared.LGraphBadge({ text: '' });
  const own = badges.get(node) ?? new Map();
  badges.set(node, own);
  node.badges.push(() => {
    void anyApp.extensionManager.unclipBadges;
    return own.get(key) ?? empty;
  });
}

/** @param {Node} node @param {string} key @param {Badge | null} badge */
export function setBadge(node, key, badge) {
  const own = badges.get(node);
  if (!own || own.get(key)?.text === badge?.text) return;
  if (badge) own.set(key, new shared.LGraphBadge({ fontSize: 11, ...badge }));
  else own.delete(key);
  anyApp.extensionManager.unclipBadges = (anyApp.extensionManager.unclipBadges ?? 0) + 1;
  redraw();
}

/** @param {Node} node @param {string} key @returns {string} */
export const badgeText = (node, key) => badges.get(node)?.get(key)?.text ?? '';

/**
 * Puts an element on a node, below its widgets; it is not part of the saved graph.
 * @param {Node} node @param {string} name @param {HTMLElement} element
 * @param {() => number} height
 */
export function place(node, name, element, height) {
  const options = { serialize: false, hideOnZoom: false, getMinHeight: height };
  const placed = /** @type {any} */ (node).addDOMWidget(name, 'unclip', element, options);
  placed.serialize = false;
  makeRoom(node);
  return placed;
}

/** Makes a node as large as what is on it needs. @param {Node} node */
export function makeRoom(node) {
  const [width, height] = node.computeSize();
  node.setSize([Math.max(node.size[0], width), Math.max(node.size[1], height)]);
  redraw();
}

/** Makes a node as high as what is on it needs, no more. @param {Node} node */
export function fit(node) {
  node.setSize([node.size[0], node.computeSize()[1]]);
  redraw();
}

/** The pictures that a node shows after a run. @param {Node} node @returns {Picture[]} */
export function pictures(node) {
  const outputs = anyApp.nodeOutputs?.[outputKey(node)] ?? {};
  return (outputs.images ?? [])
    .filter((/** @type {any} */ one) => one?.filename)
    .map((/** @type {any} */ one) => {
      const query = new URLSearchParams({
        filename: one.filename,
        subfolder: one.subfolder ?? '',
        type: one.type ?? 'output',
      });
      return { ...one, url: api.apiURL(`/view?${query}`) };
    });
}

/** The editor keeps outputs by node, and inside of a subgraph by graph and node. */
/** @param {Node} node */
function outputKey(node) {
  const graph = /** @type {any} */ (node.graph);
  return !graph || graph === root() ? String(node.id) : `${graph.id}:${node.id}`;
}

/** Adds a choice to a combo, if it is not there.
 * @param {Node} node @param {string} name @param {string} choice
 */
export function offer(node, name, choice) {
  const values = widget(node, name)?.options?.values;
  if (Array.isArray(values) && !values.includes(choice)) values.push(choice);
}

/** The node that a text box, or anything else on the page, belongs to. */
/** @param {HTMLElement} element @returns {Node | null} */
export function nodeOfElement(element) {
  const id = element.closest('[data-node-id]')?.getAttribute('data-node-id');
  if (id) return shown().getNodeById(/** @type {any} */ (id)) ?? null;
  const owns = (/** @type {any} */ one) =>
    one.element === element || one.inputEl === element || one.element?.contains?.(element);
  return nodes().find((node) => node.widgets?.some(owns)) ?? null;
}

/** Where a mouse event is on the canvas. @param {MouseEvent} event @returns {[number, number]} */
export function placeOf(event) {
  const [x, y] = /** @type {any} */ (app.canvas).convertEventToCanvasOffset(event);
  return [x, y];
}

/** The middle of what is seen of the canvas. @returns {[number, number]} */
export function middle() {
  const { canvas, ds } = app.canvas;
  const { width, height } = canvas.getBoundingClientRect();
  return [width / 2 / ds.scale - ds.offset[0] - 100, height / 2 / ds.scale - ds.offset[1] - 50];
}

/** The width of the picture that a node shows, 0 if it is not known. @param {Node} node */
export const pictureEdge = (node) => /** @type {any} */ (node).imgs?.[0]?.naturalWidth ?? 0;

/** Copies a picture among the inputs; its name there. @param {Picture} picture */
export async function asInput(picture) {
  const body = new FormData();
  const content = await (await fetch(picture.url)).blob();
  body.append('image', content, picture.filename);
  const answer = await api.fetchApi('/upload/image', { method: 'POST', body });
  const { name, subfolder } = await answer.json();
  return subfolder ? `${subfolder}/${name}` : name;
}

/** Opens the editor's own brush on a node that is selected, once its picture has come. */
/** @param {Node} node */
export async function brush(node) {
  const pictures = () => /** @type {any} */ (node).imgs?.length;
  for (let waits = 0; waits < 50 && !pictures(); waits += 1) {
    await new Promise((done) => setTimeout(done, 100));
  }
  await anyApp.extensionManager.command.execute('Comfy.MaskEditor.OpenMaskEditor');
}
