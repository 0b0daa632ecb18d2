/** Published models by the name of their folder: where they come from and what they weigh. */

/**
 * @typedef {object} Published
 * @property {string} repository on the Hugging Face Hub
 * @property {number} gigabytes of weights in float16; on disk up to twice as much
 * @property {string} licence
 * @property {string} [beside] the folder that belongs beside it
 */

const KANDINSKY = { licence: 'Apache-2.0' };
const OPENRAIL = { licence: 'CreativeML OpenRAIL-M' };
const STABLE = { licence: 'OpenRAIL++-M' };

/** @type {Record<string, Published>} */
export const PUBLISHED = Object.fromEntries(
  /** @type {[string, string, number, any][]} */ ([
    ['kandinsky-2-2-prior', 'kandinsky-community', 7.2, KANDINSKY],
    ['kandinsky-2-2-decoder', 'kandinsky-community', 2.6, with22()],
    ['kandinsky-2-2-decoder-inpaint', 'kandinsky-community', 2.6, with22()],
    ['kandinsky-2-2-controlnet-depth', 'kandinsky-community', 2.6, with22()],
    ['kandinsky-2-1-prior', 'kandinsky-community', 2.8, KANDINSKY],
    ['kandinsky-2-1', 'kandinsky-community', 3.7, with21()],
    ['kandinsky-2-1-inpaint', 'kandinsky-community', 3.7, with21()],
    ['karlo-v1-alpha', 'kakaobrain', 7.4, OPENRAIL],
    ['karlo-v1-alpha-image-variations', 'kakaobrain', 5.4, OPENRAIL],
    ['stable-diffusion-2-1-unclip', 'stabilityai', 3.9, STABLE],
    ['stable-diffusion-2-1-unclip-small', 'stabilityai', 3.2, STABLE],
    ['sd-image-variations-diffusers', 'lambdalabs', 2.5, OPENRAIL],
  ]).map(([name, owner, gigabytes, more]) => [
    name,
    { repository: `${owner}/${name}`, gigabytes, ...more },
  ])
);

function with22() {
  return { ...KANDINSKY, beside: 'kandinsky-2-2-prior' };
}

function with21() {
  return { ...KANDINSKY, beside: 'kandinsky-2-1-prior' };
}

/** What fetches a model into the folder of models. @param {string} name */
export const command = (name) =>
  `hf download ${PUBLISHED[name].repository} --local-dir models/unclip/${name}`;
