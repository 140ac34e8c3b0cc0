export { compileMeaning } from './compile.ts';
export type { OwnedDocument } from './compile.ts';
export { conflictsOf } from './conflicts.ts';
export type { Comparable, Conflict } from './conflicts.ts';
export { echo } from './echo.ts';
export type { Meaning } from './meaning.ts';
export type { Problem } from './problem.ts';
export { understand } from './resolve.ts';
export type { Understood } from './resolve.ts';
