/** Names words that a model was not taught while its prompt is typed, and completes known ones. */

import * as editor from '../editor.js';
import { make, style } from '../gallery.js';
import { t } from '../words.js';
import { facts } from './spaces.js';

/** @import {Node} from '../editor.js' */

const COLOURS = { fgColor: '#1a1300', bgColor: '#f5b83d' };
const PAUSE = 300;
const OFFERED = 6;

/** @param {Node} node @returns {string} the model whose text encoder reads it */
function modelOf(node) {
  const end = editor.source(node, editor.input(node, 'text_encoder'));
  return end?.node.type === 'UnCLIPLoader' ? String(editor.value(end.node, 'model')) : '';
}

/** @type {WeakMap<Node, string>} what was asked for last */
const last = new WeakMap();

/** @param {Node} node */
async function read(node) {
  const model = modelOf(node);
  const text = String(editor.value(node, 'text') ?? '');
  const about = `${model}\n${text}`;
  if (last.get(node) === about) return;
  if (!(model in facts().models)) return editor.setBadge(node, 'words', null);
  last.set(node, about);
  const query = new URLSearchParams({ model, text });
  const { unknown, corrected } = await editor.ask(`reading?${query}`);
  if (text !== editor.value(node, 'text')) return; // typed on
  const typos = Object.entries(corrected).map(([word, meant]) => `${word} → ${meant}`);
  const found = [...unknown, ...typos].join(', ');
  const badge = found ? { text: t('prompt.unknown', { words: found }), ...COLOURS } : null;
  editor.setBadge(node, 'words', badge);
}

let waiting = 0;
function readAll() {
  clearTimeout(waiting);
  waiting = setTimeout(() => {
    const prompts = editor.nodes().filter((node) => node.type === 'UnCLIPTextEncode');
    for (const node of prompts) read(node).catch(() => last.delete(node)); // server gone
  }, PAUSE);
}

// Completion: a short list under the prompt; Tab takes the first, the arrows choose.

/** @type {Map<string, string[]>} */
const vocabularies = new Map();
const list = make('ul', { className: 'unclip-words', hidden: true });
list.setAttribute('role', 'listbox');
/** @type {HTMLTextAreaElement | null} */
let typing = null;
let chosen = 0;
let taken = ''; // the prompt with the word just completed: nothing is offered for it

/** @param {string} model */
async function vocabulary(model) {
  if (!vocabularies.has(model)) {
    const { words } = await editor.ask(`words?${new URLSearchParams({ model })}`);
    vocabularies.set(model, words ?? []);
  }
  return vocabularies.get(model) ?? [];
}

/** @param {HTMLTextAreaElement} area @param {Node} node */
async function offer(area, node) {
  if (area.value === taken) return hide();
  const [begun] = area.value.slice(0, area.selectionStart).match(/[\p{L}]{2,}$/u) ?? [''];
  const model = begun ? modelOf(node) : '';
  const words = model ? await vocabulary(model) : [];
  const found = words.filter((word) => word.startsWith(begun.toLowerCase()) && word !== begun);
  show(area, found.slice(0, OFFERED), begun.length);
}

/** @param {HTMLTextAreaElement} area @param {string[]} words @param {number} length */
function show(area, words, length) {
  typing = words.length ? area : null;
  chosen = 0;
  list.hidden = !words.length;
  list.replaceChildren(
    ...words.map((word) => {
      const item = make('li', { textContent: word, onmousedown: () => take(word, length) });
      item.setAttribute('role', 'option');
      return item;
    })
  );
  const { left, bottom } = area.getBoundingClientRect();
  Object.assign(list.style, { left: `${left}px`, top: `${bottom + 2}px` });
  list.dataset.length = String(length);
  mark();
}

function mark() {
  [...list.children].forEach((one, n) => one.setAttribute('aria-selected', String(n === chosen)));
}

/** @param {string} word @param {number} length */
function take(word, length) {
  const area = typing;
  if (!area) return;
  const end = area.selectionStart;
  area.setRangeText(word, end - length, end, 'end');
  hide();
  taken = area.value;
  area.dispatchEvent(new Event('input', { bubbles: true }));
}

function hide() {
  typing = null;
  list.hidden = true;
}

/** @param {KeyboardEvent} event */
function onKey(event) {
  if (!typing || event.target !== typing) return;
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step) chosen = (chosen + step + list.children.length) % list.children.length;
  else if (event.key === 'Tab') {
    take(list.children[chosen].textContent ?? '', Number(list.dataset.length));
  } else if (event.key === 'Escape') hide();
  else return;
  mark();
  event.preventDefault();
  event.stopPropagation();
}

/** @type {import('../unclip.js').Part} */
export const part = {
  settings: [
    {
      id: 'unclip-graph.Complete',
      name: 'Complete words that the model knows while a prompt is typed',
      category: ['unCLIP', 'Prompt', 'Complete'],
      type: 'boolean',
      defaultValue: true,
    },
  ],
  setup() {
    style();
    document.body.append(list);
    editor.on('graphChanged', readAll);
    addEventListener('keydown', onKey, true);
    addEventListener('focusout', hide, true);
    document.addEventListener('input', ({ target }) => {
      if (!(target instanceof HTMLTextAreaElement)) return;
      const node = editor.nodeOfElement(target);
      if (node?.type !== 'UnCLIPTextEncode') return;
      readAll();
      if (editor.setting('unclip-graph.Complete', true)) offer(target, node).catch(hide);
    });
  },
  nodeCreated(node) {
    if (editor.classOf(node) === 'UnCLIPTextEncode') editor.reserveBadge(node, 'words');
  },
  afterConfigureGraph: readAll,
};
