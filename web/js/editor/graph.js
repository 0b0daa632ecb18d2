/**
 * The editor's graphs: nodes, widgets and wires, through reroutes and subgraphs.
 *
 * @import {ComfyExtension} from '@comfyorg/comfyui-frontend-types'
 */

import { anyApp, app, shared } from './app.js';

/** @typedef {Parameters<NonNullable<ComfyExtension['nodeCreated']>>[0]} Node */
/** @typedef {NonNullable<Node['graph']>} Graph */
/** @typedef {NonNullable<Node['widgets']>[number]} Widget */
/** @typedef {{node: Node, slot: number}} End what a wire comes out of */
/** @typedef {NonNullable<ReturnType<Graph['getLink']>>} Link */

const SUBGRAPH_INPUTS = -10;
const SUBGRAPH_OUTPUTS = -20;
const DEPTH = 50; // of subgraphs and reroutes that a wire is followed through

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

/**
 * Shows the choices of a combo by other words, in editors from 1.40; values stay as they are.
 * @param {Widget} combo @param {(value: string) => string} label
 */
export function labelChoices(combo, label) {
  /** @type {any} */ (combo.options).getOptionLabel = (/** @type {string | null} */ one) =>
    label(one ?? '');
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

/** The nodes that are selected. @returns {Node[]} */
export const selected = () =>
  /** @type {any[]} */ ([...(app.canvas.selectedItems ?? [])]).filter((one) => 'inputs' in one);

export const redraw = () => app.canvas?.setDirty(true, true);

/** Whether a wire is being drawn, and the ends that it starts from. @returns {any[]} */
export function wiresInHand() {
  const connector = anyApp.canvas?.linkConnector;
  return connector?.isConnecting ? [...connector.renderLinks] : [];
}

/** How many inputs of that kind a node's declaration has. @param {Node} node @param {RegExp} kind */
export function numberOf(node, kind) {
  const { required, optional } = /** @type {any} */ (node.constructor).nodeData?.input ?? {};
  return Object.keys({ ...required, ...optional }).filter((name) => kind.test(name)).length;
}

/**
 * Hides a widget or shows it again; its value stays in the graph.
 * @param {Node} node @param {string} name @param {boolean} hidden
 */
export function hide(node, name, hidden) {
  const found = widget(node, name);
  if (!found || Boolean(found.hidden) === hidden) return;
  found.hidden = hidden;
  found.options.hidden = hidden;
}
