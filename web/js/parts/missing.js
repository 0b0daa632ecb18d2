/** Says on load which model folders a graph names that are not here, and how to get them. */

import * as editor from '../editor.js';
import { dialog, make } from '../gallery.js';
import { PUBLISHED, command } from '../models.js';
import { t } from '../words.js';
import { asked, facts } from './spaces.js';

const SETTING = 'unclip-graph.MissingModels';
const DEMO = 'demo';

/** Loaders whose model is not here. */
function lacking() {
  return editor
    .nodes()
    .filter((node) => node.type === 'UnCLIPLoader')
    .filter((node) => !(editor.value(node, 'model') in facts().models));
}

/** @param {string} name @returns {HTMLElement[]} */
function told(name) {
  const known = PUBLISHED[name.split('/').at(-1) ?? ''];
  const head = make('strong', { textContent: name });
  if (!known) return [make('p', {}, [head, ' ', t('missing.unknown')])];
  const { repository, gigabytes, licence } = known;
  return [
    make('p', {}, [head, ' ', t('missing.facts', { repository, gigabytes, licence })]),
    make('p', {}, [make('code', { textContent: command(name.split('/').at(-1) ?? '') })]),
  ];
}

/** What was said last: an undo loads the graph again. */
let said = '';

async function look() {
  await asked();
  const loaders = lacking();
  const names = [...new Set(loaders.map((node) => String(editor.value(node, 'model'))))];
  const about = loaders.length ? [editor.workflow(), ...names].join('\n') : '';
  const again = about === said;
  said = about;
  if (again || !loaders.length || !editor.setting(SETTING, true)) return;
  const beside = names
    .map((name) => PUBLISHED[name]?.beside)
    .filter((name) => name && !names.includes(name) && !(name in facts().models));
  const use = make('button', {
    className: 'unclip-action',
    textContent: t('missing.demo'),
    onclick: () => {
      shown.close();
      editor.inOneStep(() => loaders.forEach((node) => editor.setValue(node, 'model', DEMO)));
    },
  });
  const close = make('button', {
    className: 'unclip-action',
    textContent: t('missing.close'),
    onclick: () => shown.close(),
  });
  const every = [...names, ...new Set(/** @type {string[]} */ (beside))].flatMap(told);
  const after = make('p', { textContent: t('missing.after') });
  const shown = dialog(t('missing.title'), [...every, after, use, close]);
}

/** @type {import('../unclip.js').Part} */
export const part = {
  settings: [
    {
      id: SETTING,
      name: 'Say on load which model folders are missing',
      category: ['unCLIP', 'Graph', 'Missing models'],
      type: 'boolean',
      defaultValue: true,
    },
  ],
  afterConfigureGraph: () => look(),
};
