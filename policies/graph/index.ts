export type { Change, DocumentId, Documents } from './documents.ts';
export { createGraph } from './graph.ts';
export type { PolicyGraph } from './graph.ts';
export { compileAll } from './recompute.ts';
