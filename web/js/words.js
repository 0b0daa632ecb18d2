/** What the extension says, in English; other languages come from locales/LANGUAGE/main.json. */

import { api, setting } from './editor.js';
import { interpreter } from './sentences.js';

/** @type {Record<string, string>} */
const ENGLISH = {
  'space.unknown': 'unknown space',
  'space.badge': '{name} · {dim}',
  'space.differs': '≠ {name}',
  'space.mismatch': 'Two embedding spaces meet',
  'space.why': '{node}: {input} lives in {found}, {model} wants {wanted}.',
  'space.make': 'Use a prior or an image encoder of {wanted}: {models} has one.',
  'space.none': 'Use a prior or an image encoder of {wanted}; no installed model has one.',
  'space.redraw': 'Or draw it with a decoder of {found} and encode the picture with an image encoder of {wanted}.',
  'warning.badge': '⚠ {count}',
  'menu.title': 'unCLIP: go on from here',
  'menu.which': 'From which picture?',
  'menu.nothing': 'Choose a node that shows pictures which unCLIP decode drew.',
  'menu.vary_subtle': 'Vary, subtle',
  'menu.vary_strong': 'Vary, strong',
  'menu.edit': 'Edit by text',
  'menu.blend': 'Blend with a picture',
  'menu.upscale': 'Upscale',
  'menu.describe': 'Describe',
  'picker.label': 'Pictures of the batch',
  'picker.picture': 'Picture {n}',
  'missing.title': 'This workflow names models that are not here',
  'missing.facts': 'from {repository}, about {gigabytes} GB, licence {licence}; in the folder that holds “models” run:',
  'missing.unknown': 'is no published model; ask whoever shared the workflow.',
  'missing.after': 'Then press R, which reads the lists again.',
  'missing.demo': 'Use the demo model',
  'missing.close': 'Close',
  'prompt.unknown': '? {words}',
  'blend.pad': 'Weights of the blend: arrow keys or mouse',
  'menu.region': 'Draw in a region',
  'menu.zoom_out': 'Zoom out',
  'menu.pan_left': 'Pan left',
  'menu.pan_right': 'Pan right',
  'menu.pan_up': 'Pan up',
  'menu.pan_down': 'Pan down',
  'scrubber.label': 'Frame of the sweep',
  'estimate.left': '≈ {seconds} s',
  'sidebar.title': 'unCLIP embeddings',
  'sidebar.none': 'None yet: unCLIP save embed puts them here.',
  'warning.none': 'The last run gave no warnings.',
};

/** @type {Record<string, string>} */
let own = {};
/** @type {Record<string, {inputs: Record<string, {options?: Record<string, string>}>}>} */
let nodes = {};

/** What a run says, in the person's language where it has the sentence. */
export let said = interpreter({});

/** @type {Record<string, string>} notes of templates by their English text */
let notes = {};

/** A note in the person's language, if it is a template's own. @param {string} text */
export const note = (text) => notes[text.trim()] ?? text;

/** Fetches the words of the person's language; English needs no request. */
export async function learn() {
  const language = setting('Comfy.Locale', 'en');
  if (language === 'en') return;
  const told = await (await api.fetchApi('/i18n')).json();
  const { unclip = {}, nodeDefs = {} } = told[language] ?? {};
  own = unclip;
  nodes = nodeDefs;
  said = interpreter(unclip.messages ?? {});
  const texts = Object.entries(told.en?.unclip ?? {}).filter(([key]) => key.endsWith('.note'));
  notes = Object.fromEntries(texts.map(([key, text]) => [text.trim(), unclip[key] ?? text]));
}

/** A choice of a node's input as a person reads it. @param {string} kind @param {string} input @param {string} value */
export const choice = (kind, input, value) =>
  nodes[kind]?.inputs[input]?.options?.[value] ?? value;

/**
 * @param {string} key
 * @param {Record<string, string | number>} [values] what stands for the names in braces
 */
export function t(key, values = {}) {
  const sentence = own[key] ?? ENGLISH[key] ?? key;
  return sentence.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}
