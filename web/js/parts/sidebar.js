/** The sidebar with saved embeddings: a thumbnail, its space, drag or Enter adds it. */

import * as editor from '../editor.js';
import { make, style } from '../gallery.js';
import { t } from '../words.js';
import { ask, facts, label } from './spaces.js';

const KIND = 'application/x-unclip-embedding';

/** @param {string} embed @param {[number, number]} pos */
function add(embed, pos) {
  editor.inOneStep(() => {
    const node = editor.add('UnCLIPLoadEmbed', pos);
    if (!node) return;
    editor.offer(node, 'embed', embed); // saved after the editor was opened
    editor.setValue(node, 'embed', embed);
    editor.select([node]);
  });
}

/** @param {string} name @param {any} saved */
function card(name, saved) {
  const image = saved.preview ? `data:image/jpeg;base64,${saved.preview}` : '';
  const about = saved.error ?? saved.note ?? saved.source;
  const item = make('button', { type: 'button', className: 'unclip-card', title: about }, [
    image ? make('img', { src: image, alt: '' }) : make('span', { className: 'unclip-none' }),
    make('span', {}, [
      make('strong', { textContent: name.replace(/\.safetensors$/, '') }),
      make('br'),
      saved.space ? label(saved.space) : t('space.unknown'),
    ]),
  ]);
  item.draggable = true;
  item.ondragstart = (event) => event.dataTransfer?.setData(KIND, name);
  item.onclick = () => add(name, editor.middle());
  return item;
}

/** @param {HTMLElement} box */
async function render(box) {
  style();
  const list = make('div', { className: 'unclip-cards' });
  box.replaceChildren(list);
  await ask().catch(() => {});
  const saved = Object.entries(facts().embeddings);
  list.replaceChildren(...saved.map(([name, one]) => card(name, one)));
  if (!saved.length) list.append(make('p', { textContent: t('sidebar.none') }));
}

/** @type {import('../unclip.js').Part} */
export const part = {
  setup() {
    editor.sidebar({
      id: 'unclip-embeddings',
      icon: 'pi pi-bookmark',
      title: t('sidebar.title'),
      tooltip: t('sidebar.title'),
      type: 'custom',
      render: (/** @type {HTMLElement} */ box) => void render(box),
    });
    document.addEventListener('dragover', (event) => {
      if (event.dataTransfer?.types.includes(KIND)) event.preventDefault();
    });
    document.addEventListener(
      'drop',
      (event) => {
        const name = event.dataTransfer?.getData(KIND);
        if (!name) return;
        event.preventDefault();
        event.stopPropagation();
        add(name, editor.placeOf(event));
      },
      true
    );
  },
};
