/**
 * The one module that knows the editor; its parts stand in editor/. Everything in them is there in
 * editors 1.27 to 1.58, with the classic canvas and with Nodes 2.0.
 */

export * from './editor/app.js';
export * from './editor/graph.js';
export * from './editor/screen.js';
