/** Embedding spaces on badges, and what does not fit: on load, and while a wire is drawn. */

import * as editor from '../editor.js';
import { carriers, makers, mismatches, same, shortName, spaceOf } from '../spaces.js';
import { t } from '../words.js';

/** @import {Node} from '../editor.js' */
/** @import {Known, Mismatch, Space} from '../spaces.js' */

const PLAIN = { fgColor: '#e8eaed', bgColor: '#3c4650' };
const WRONG = { fgColor: '#ffffff', bgColor: '#c2323a' };
const WRONG_WIRE = '#e5484d';
const SETTING = 'unclip-graph.Spaces';

/** @type {Known} */
let known = { models: {}, embeddings: {}, spaces: {} };
/** @type {Map<string, () => void>} messages that are shown, by what they are about */
const shown = new Map();

/** @type {() => void} */
let answered = () => {};
const first = new Promise((done) => (answered = () => done(undefined)));

/** Waits for the first answer of the server. */
export const asked = () => first;

/** Asks the server again: models and files come and go. */
export async function ask() {
  const [models, embeddings, spaces] = await Promise.all(
    ['models', 'embeddings', 'spaces'].map(editor.ask)
  );
  known = { models, embeddings, spaces };
  answered();
  look();
}

/** What the server knows. */
export const facts = () => known;

/** Looks at the whole graph. */
export function look() {
  const ours = editor.nodes().filter((node) => (node.outputs?.length || 0) + carriers(node).length);
  const seen = new Map();
  const wrong = ours.flatMap((node) => mismatches(node, known, seen));
  const always = editor.setting(SETTING, 'where they begin') === 'on every node';
  for (const node of ours) badge(node, wrong.filter((one) => one.node === node), always);
  const wires = wrong.map(({ node, slot }) => editor.wireInto(node, slot));
  editor.markWires(wires.filter((wire) => wire !== null), WRONG_WIRE);
  tell(wrong);
}

/** @param {Node} node @param {Mismatch[]} wrong @param {boolean} always */
function badge(node, wrong, always) {
  const [first] = wrong;
  if (first) {
    const text = t('space.differs', { name: shortName(first.found, known) });
    editor.setBadge(node, 'space', { text, ...WRONG, onClick: () => say(first) });
    return;
  }
  const slot = (node.outputs ?? []).findIndex((one) => /^UNCLIP_\w+_EMBED$/.test(String(one.type)));
  const begins = !carriers(node).some((one) => /_EMBED$/.test(String(node.inputs[one].type)));
  const tells = slot >= 0 && (always || begins || node.type === 'UnCLIPPrior');
  const space = tells ? spaceOf({ node, slot }, known) : null;
  const text = space && t('space.badge', { name: shortName(space, known), dim: space.dim });
  editor.setBadge(node, 'space', text ? { text, ...PLAIN } : null);
}

/** @param {Mismatch[]} wrong */
function tell(wrong) {
  const keys = new Set(wrong.map(key));
  for (const [about, remove] of shown) {
    if (keys.has(about)) continue;
    remove();
    shown.delete(about);
  }
  for (const one of wrong) if (!shown.has(key(one))) say(one);
}

/** @param {Mismatch} one */
const key = ({ node, found, wanted }) => `${node.id} ${found.id} ${wanted.id}`;

/** @param {Mismatch} one */
function say(one) {
  shown.get(key(one))?.();
  const summary = t('space.mismatch');
  shown.set(key(one), editor.say({ severity: 'error', summary, detail: reason(one) }));
}

/** Why it does not fit and the way out. @param {Mismatch} one */
function reason({ node, slot, found, wanted, model }) {
  const names = { found: label(found), wanted: label(wanted) };
  const models = makers(wanted, known);
  return [
    t('space.why', { node: node.title, input: node.inputs[slot].name, model, ...names }),
    t(models.length ? 'space.make' : 'space.none', { models: models.join(', '), ...names }),
    t('space.redraw', names),
  ].join(' ');
}

/** @param {Space} space */
export const label = (space) => `${shortName(space, known)} (${space.dim})`;

// While a wire is drawn, the nodes that it does not fit say so.

/** @type {Node[]} */
let warned = [];

function begin() {
  const [wire] = editor.wiresInHand();
  if (!wire?.node || wire.toType !== 'input' || !wire.fromSlot) return;
  const slot = wire.node.outputs?.indexOf(wire.fromSlot) ?? -1;
  const space = spaceOf({ node: wire.node, slot: slot < 0 ? wire.fromSlotIndex : slot }, known);
  if (!space) return;
  for (const node of editor.nodes()) {
    const takes = carriers(node).filter((one) => node.inputs[one].type === wire.fromSlot.type);
    if (!takes.length || node === wire.node) continue;
    const others = carriers(node).filter((one) => !takes.includes(one));
    const wants = others
      .map((one) => spaceOf(editor.source(node, one), known))
      .find((one) => one !== null);
    if (!wants || same(wants, space)) continue;
    const text = t('space.differs', { name: shortName(space, known) });
    editor.setBadge(node, 'space', { text, ...WRONG });
    warned.push(node);
  }
}

function end() {
  if (!warned.length) return;
  warned = [];
  later();
}

let ready = false;
let waiting = 0;
/** Looks once for all changes of a moment. */
export function later() {
  if (!ready) return; // settings are set before there is a graph
  clearTimeout(waiting);
  waiting = setTimeout(look, 60);
}

/** @type {import('../unclip.js').Part} */
export const part = {
  settings: [
    {
      id: SETTING,
      name: 'Show embedding spaces on badges',
      category: ['unCLIP', 'Graph', 'Spaces'],
      type: 'combo',
      options: ['where they begin', 'on every node'],
      defaultValue: 'where they begin',
      onChange: () => later(),
    },
  ],
  async setup() {
    ready = true;
    editor.on('graphChanged', later);
    editor.on('execution_success', () => void ask());
    addEventListener('pointerdown', () => setTimeout(begin), true);
    addEventListener('pointerup', () => setTimeout(end), true);
    await ask();
  },
  nodeCreated(node) {
    if (editor.isOurs(node)) editor.reserveBadge(node, 'space');
  },
  afterConfigureGraph: () => later(),
};
