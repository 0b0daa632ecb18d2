/** Colours of our wires and sockets: one a stage, and the embeddings between them. */

import { colourType } from '../editor.js';

/** Chosen to stand apart from ComfyUI's own, and on light and dark grounds alike. */
const COLOURS = {
  UNCLIP_TEXT_ENCODER: '#d9a441',
  UNCLIP_TEXT_EMBED: '#f0c75e',
  UNCLIP_PRIOR: '#c06fd6',
  UNCLIP_IMAGE_ENCODER: '#3fa7a0',
  UNCLIP_IMAGE_EMBED: '#9ccc3c',
  UNCLIP_DECODER: '#5b8def',
  UNCLIP_NOISE: '#9aa0a6',
};

/** @type {import('../unclip.js').Part} */
export const part = {
  setup() {
    for (const [type, colour] of Object.entries(COLOURS)) colourType(type, colour);
    // Nodes 2.0 reads these; a palette's own stand on the element and win.
    const style = document.createElement('style');
    style.textContent = `:root{${Object.entries(COLOURS)
      .map(([type, colour]) => `--color-datatype-${type}:${colour}`)
      .join(';')}}`;
    document.head.append(style);
  },
};
