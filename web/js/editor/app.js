/**
 * The editor as a whole: its server, events, messages, settings.
 *
 * @import {ComfyApp, ComfyApi, ComfyExtension} from '@comfyorg/comfyui-frontend-types'
 */

/** @type {any} */
export const shared = window;
/** @type {ComfyApp} */
export const app = shared.comfyAPI.app.app;
/** @type {ComfyApi} */
export const api = shared.comfyAPI.api.api;
/** @type {any} what the types do not know, or know only in some version */
export const anyApp = app;
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

/** A name for the workflow that is open. @returns {string} */
export const workflow = () => anyApp.extensionManager.workflow?.activeWorkflow?.path ?? '';

/** @param {any} tab */
export const sidebar = (tab) => app.extensionManager.registerSidebarTab(tab);
