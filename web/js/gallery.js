/** Pictures to choose from with mouse or keyboard, as a list box. */

/** @import {Picture} from './editor.js' */

const STYLE = `
.unclip-gallery{display:grid;grid-template-columns:repeat(auto-fill,minmax(56px,1fr));gap:4px;
  padding:4px;overflow:auto;height:100%;box-sizing:border-box;align-content:start}
.unclip-gallery button{position:relative;padding:0;border:2px solid transparent;border-radius:6px;
  background:var(--comfy-input-bg,#222);color:var(--input-text,#ddd);aspect-ratio:1;cursor:pointer;
  overflow:hidden;font:12px sans-serif}
.unclip-gallery button[aria-selected=true]{border-color:#2f8fff;box-shadow:0 0 0 1px #fff}
.unclip-gallery button:focus-visible{outline:2px solid #ffd23f;outline-offset:1px}
.unclip-gallery img{width:100%;height:100%;object-fit:cover;display:block}
.unclip-dialog{border:1px solid var(--border-color,#555);border-radius:10px;padding:16px;
  background:var(--comfy-menu-bg,#222);color:var(--fg-color,#eee);max-width:560px;width:90vw;
  font:14px sans-serif}
.unclip-dialog::backdrop{background:#0008}
.unclip-dialog h2{margin:0 0 12px;font-size:16px}
.unclip-dialog button.unclip-action{padding:6px 12px;border-radius:6px;cursor:pointer;font:inherit;
  border:1px solid var(--border-color,#666);background:var(--comfy-input-bg,#333);
  color:var(--input-text,#eee);margin:4px 8px 4px 0}
.unclip-words{position:fixed;z-index:2000;margin:0;padding:4px;list-style:none;min-width:120px;
  background:var(--comfy-menu-bg,#222);color:var(--fg-color,#eee);border-radius:6px;
  border:1px solid var(--border-color,#666);font:13px sans-serif}
.unclip-words[hidden]{display:none}
.unclip-words li{padding:3px 8px;border-radius:4px;cursor:pointer}
.unclip-words li[aria-selected=true]{background:#2f6fd0;color:#fff}
.unclip-cards{display:flex;flex-direction:column;gap:6px;padding:8px;overflow:auto;height:100%}
.unclip-card{display:flex;gap:10px;align-items:center;padding:6px;border-radius:8px;cursor:grab;
  border:1px solid var(--border-color,#555);background:var(--comfy-input-bg,#2a2a2a);
  color:var(--input-text,#ddd);text-align:left;font:13px sans-serif;overflow-wrap:anywhere}
.unclip-card img,.unclip-none{width:48px;height:48px;border-radius:4px;flex:none;background:#888}
.unclip-card:focus-visible{outline:2px solid #ffd23f}
.unclip-pad{position:relative;height:100%;min-height:140px;border-radius:8px;touch-action:none;
  cursor:crosshair;border:1px solid var(--border-color,#666);margin:0 4px;
  background:var(--comfy-input-bg,#222)}
.unclip-pad:focus-visible{outline:2px solid #ffd23f}
.unclip-pad i{position:absolute;width:16px;height:16px;border-radius:50%;background:#2f8fff;
  border:2px solid #fff;box-shadow:0 0 3px #000;transform:translate(-50%,-50%);z-index:1;
  left:calc(var(--x,.5)*100%);top:calc(var(--y,.5)*100%);pointer-events:none}
.unclip-corner{position:absolute;width:40px;height:40px;object-fit:cover;border-radius:6px;
  display:grid;place-items:center;pointer-events:none;color:var(--input-text,#ddd);
  font:13px sans-serif}
.unclip-corner-1,.unclip-corner-3{left:4px}.unclip-corner-2,.unclip-corner-4{right:4px}
.unclip-corner-1,.unclip-corner-2{top:4px}.unclip-corner-3,.unclip-corner-4{bottom:4px}
.unclip-scrubber{display:flex;flex-direction:column;gap:4px;height:100%;min-height:160px}
.unclip-scrubber img{flex:1;min-height:0;object-fit:contain}
.unclip-scrubber input{width:calc(100% - 8px);margin:0 4px}
.unclip-dialog code{user-select:all;overflow-wrap:anywhere}
`;

let styled = false;

/** Our own styles, once. */
export function style() {
  if (styled) return;
  styled = true;
  const element = document.createElement('style');
  element.textContent = STYLE;
  document.head.append(element);
}

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag @param {Record<string, any>} [properties] attributes, or members if known
 * @param {(Node | string)[]} [children]
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function make(tag, properties = {}, children = []) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in element) /** @type {any} */ (element)[name] = value;
    else element.setAttribute(name, String(value));
  }
  element.append(...children);
  return element;
}

/**
 * Fills a list box.
 * @param {HTMLElement} box
 * @param {Picture[]} pictures
 * @param {{label: string, name: (n: number) => string, chosen: (n: number) => boolean,
 *   choose: (n: number, further: boolean) => void}} options `further`: from the last one to here
 */
export function fill(box, pictures, { label, name, chosen, choose }) {
  style();
  box.className = 'unclip-gallery';
  box.setAttribute('role', 'listbox');
  box.setAttribute('aria-label', label);
  box.setAttribute('aria-multiselectable', 'true');
  const options = pictures.map((picture, n) => {
    const image = make('img', { src: picture.url, alt: '', draggable: false });
    const option = make('button', { type: 'button', title: name(n), 'aria-label': name(n) }, [image]);
    option.setAttribute('role', 'option');
    option.setAttribute('aria-selected', String(chosen(n)));
    option.tabIndex = chosen(n) ? 0 : -1;
    // A file that somebody has deleted can still be picked: by its number.
    image.onerror = () => image.replaceWith(String(n + 1));
    option.onclick = (event) => choose(n, event.shiftKey);
    return option;
  });
  if (options.length && !options.some((one) => one.tabIndex === 0)) options[0].tabIndex = 0;
  box.onkeydown = (event) => {
    const at = options.indexOf(/** @type {any} */ (document.activeElement));
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const picks = event.key === 'Enter' || event.key === ' ';
    if (at < 0 || !(step || picks)) return;
    event.preventDefault();
    event.stopPropagation();
    if (step) options[(at + step + options.length) % options.length].focus();
    else choose(at, event.shiftKey);
  };
  const before = [...box.children].indexOf(/** @type {any} */ (document.activeElement));
  box.replaceChildren(...options);
  options[before]?.focus();
}

/**
 * A dialog that the keyboard stays in; Escape closes it.
 * @param {string} title @param {HTMLElement[]} content
 */
export function dialog(title, content) {
  style();
  const box = make('dialog', { className: 'unclip-dialog' }, [
    make('h2', { textContent: title }),
    ...content,
  ]);
  box.setAttribute('aria-label', title);
  box.onclose = () => box.remove();
  box.onkeydown = (event) => event.stopPropagation(); // the editor's own shortcuts
  document.body.append(box);
  box.showModal();
  return box;
}
