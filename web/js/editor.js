/**
 * The one module that touches the editor: its nodes, wires, badges, messages, events, settings.
 *
 * Everything here is there in editors 1.27 to 1.58, with the classic canvas and with Nodes 2.0.
 *
 * @import {ComfyApp, ComfyApi, ComfyExtension} from '@comfyorg/comfyui-frontend-types'
 */

/** @typedef {Parameters<NonNullable<ComfyExtension['nodeCreated']>>[0]} Node */
/** @typedef {NonNullable<Node['graph']>} Graph */
/** @typedef {NonNullable<Node['widgets']>[number]} Widget */
/** @typedef {{node: Node, slot: number}} End what a wire comes out of */
/** @typedef {NonNullable<ReturnType<Graph['getLink']>>} Link */
/**
 * @typedef {object} Badge
 * @property {string} text
 * @property {string} [fgColor]
 * @property {string} [bgColor]
 * @property {() => void} [onClick]
 */
/** @typedef {{url: string, filename: string, subfolder: string, type: string}} Picture */

const SUBGRAPH_INPUTS = -10;
const SUBGRAPH_OUTPUTS = -20;
const DEPTH = 50; // of subgraphs and reroutes that a wire is followed through

/** @type {any} */
const shared = window;
/** @type {ComfyApp} */
export const app = shared.comfyAPI.app.app;
/** @type {ComfyApi} */
export const api = shared.comfyAPI.api.api;
/** @type {any} what the types do not know, or know only in some version */
const anyApp = app;
/** @type {any} */
const anyApi = api;

/** @param {ComfyExtension} extension */
export const register = (extension) => app.registerExtension(extension);

/**
 * What the server says under /unclip/NAME.
 * @param {string} name
 * @returns {Promise<any>}
 */
export async function ask(name) {
  const answer = await api.fetchApi(`/unclip/${name}`);
  if (!answer.ok) throw new Error(`${name}: ${answer.status}`);
  return answer.json();
}

/** @param {string} name @param {(detail: any) => void} listener */
export function on(name, listener) {
  anyApi.addEventListener(name, (/** @type {CustomEvent} */ event) => listener(event.detail));
}

// Graphs, nodes and wires

/** @returns {Graph} */
export const root = () => anyApp.rootGraph ?? app.graph;

/** The graph that the person sees: the whole one, or the inside of a subgraph. @returns {Graph} */
export const shown = () => app.canvas?.graph ?? root();

/** @returns {Graph[]} the graph and all its subgraphs */
export const graphs = () => [root(), ...(root()?.subgraphs?.values() ?? [])].filter(Boolean);

/** @returns {Node[]} */
export const nodes = () => graphs().flatMap((graph) => [...(graph._nodes ?? [])]);

/** The class of a node; one that is just being made has no type yet. @param {Node} node */
export const classOf = (node) => node.comfyClass ?? node.type ?? '';

/** @param {Node} node */
export const isOurs = (node) => classOf(node).startsWith('UnCLIP');

/** A node by the name it has in a run: "5", or "7:3" inside of subgraph node 7. */
/** @param {string | number} id @returns {Node | null} */
export function nodeOfRun(id) {
  /** @type {any} */
  let graph = root();
  /** @type {any} */
  let node = null;
  for (const part of String(id).split(':')) {
    node = graph?.getNodeById(part) ?? graph?.getNodeById(Number(part)) ?? null;
    graph = node?.subgraph;
  }
  return node;
}

/** @param {Node} node @param {string} name @returns {Widget | undefined} */
export const widget = (node, name) => node.widgets?.find((one) => one.name === name);

/** @param {Node} node @param {string} name @returns {any} */
export const value = (node, name) => widget(node, name)?.value;

/** Sets a widget as a person would. @param {Node} node @param {string} name @param {any} to */
export function setValue(node, name, to) {
  const found = widget(node, name);
  if (!found || found.value === to) return;
  found.value = to;
  found.callback?.(to, app.canvas, node);
  redraw();
}

/** @param {Node} node @param {string} name */
export const input = (node, name) => (node.inputs ?? []).findIndex((one) => one.name === name);

/** @param {Node} node @param {number} slot @returns {Link | null} */
export function wireInto(node, slot) {
  const graph = node.graph;
  if (!graph || slot < 0) return null;
  if (node.getInputLink) return node.getInputLink(slot) ?? null;
  const id = node.inputs?.[slot]?.link;
  return id == null ? null : (graph.getLink(id) ?? null);
}

/** @param {Node} node @param {number} [slot] @returns {Link[]} */
export function wiresOutOf(node, slot) {
  const all = /** @type {Link[]} */ ([...(node.graph?.links?.values() ?? [])]);
  return all.filter(
    (link) => link.origin_id == node.id && (slot === undefined || link.origin_slot === slot)
  );
}

/** The nodes that an output is wired to. @param {Node} node @param {number} [slot] */
export function readers(node, slot) {
  return wiresOutOf(node, slot).flatMap((link) => {
    const reader = node.graph?.getNodeById(link.target_id);
    return reader ? [{ node: reader, slot: link.target_slot }] : [];
  });
}

/**
 * What feeds an input, through reroutes and the walls of subgraphs.
 * @param {Node} node @param {number} slot @returns {End | null}
 */
export function source(node, slot, depth = 0) {
  const link = wireInto(node, slot);
  if (!link || depth > DEPTH) return null;
  if (Number(link.origin_id) === SUBGRAPH_INPUTS) {
    const host = nodes().find((one) => subgraphOf(one) === node.graph);
    return host ? source(host, link.origin_slot, depth + 1) : null;
  }
  const from = node.graph?.getNodeById(link.origin_id);
  return from ? behind(from, link.origin_slot, depth + 1) : null;
}

/** @param {Node} node @returns {any} */
const subgraphOf = (node) => /** @type {any} */ (node).subgraph;

/** @param {Node} node @param {number} slot @param {number} depth @returns {End | null} */
function behind(node, slot, depth) {
  if (node.type === 'Reroute') return source(node, 0, depth);
  const inner = subgraphOf(node);
  if (!inner) return { node, slot };
  for (const link of inner.links.values()) {
    if (Number(link.target_id) !== SUBGRAPH_OUTPUTS || link.target_slot !== slot) continue;
    const from = inner.getNodeById(link.origin_id);
    return from ? behind(from, link.origin_slot, depth + 1) : null;
  }
  return null;
}

/** Runs a change of the graph so that one undo takes it back. @param {() => void} change */
export function inOneStep(change) {
  anyApp.canvas.emitBeforeChange?.();
  try {
    change();
  } finally {
    anyApp.canvas.emitAfterChange?.();
    redraw();
  }
}

/**
 * A new node in the graph that is shown.
 * @param {string} type @param {[number, number]} pos @param {Record<string, any>} [values]
 * @returns {Node | null} null where the server has no such node
 */
export function add(type, pos, values = {}) {
  const node = shared.LiteGraph.createNode(type);
  if (!node) return null;
  node.pos = pos;
  shown().add(node);
  for (const [name, to] of Object.entries(values)) {
    const found = widget(node, name);
    if (found) found.value = to;
  }
  return node;
}

/** @param {Node} from @param {number} slot @param {Node} to @param {string} name */
export const connect = (from, slot, to, name) => from.connect(slot, to, input(to, name));

/** @param {Node[]} chosen */
export function select(chosen) {
  app.canvas.deselectAll?.();
  /** @type {any} */ (app.canvas).selectItems?.(chosen);
}

export const redraw = () => app.canvas?.setDirty(true, true);

/** Whether a wire is being drawn, and the ends that it starts from. @returns {any[]} */
export function wiresInHand() {
  const connector = anyApp.canvas?.linkConnector;
  return connector?.isConnecting ? [...connector.renderLinks] : [];
}

// Colours

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

// Badges

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

// Messages, settings, dialogs

/**
 * @typedef {object} Message
 * @property {'info' | 'success' | 'warn' | 'error'} severity
 * @property {string} summary
 * @property {string} [detail]
 * @property {number} [life] in milliseconds; without, it stays until it is closed
 * @property {{label: string, onClick: () => void}} [action] a button, in editors that have one
 */

/** Shows a message. @param {Message} message @returns {() => void} takes it away */
export function say(message) {
  const toast = anyApp.extensionManager.toast;
  if (!toast.dismiss) {
    const told = { closable: true, ...message };
    toast.add(told);
    return () => toast.remove(told);
  }
  const { severity, summary, detail, life, action } = message;
  const options = { description: detail, duration: life, action };
  const id = toast[severity === 'warn' ? 'warning' : severity](summary, options);
  return () => toast.dismiss(id);
}

/** @param {string} id @param {any} otherwise @returns {any} */
export const setting = (id, otherwise) => app.extensionManager.setting.get(id) ?? otherwise;

/** @param {string} id @param {any} to */
export const setSetting = (id, to) => app.extensionManager.setting.set(id, to);

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
