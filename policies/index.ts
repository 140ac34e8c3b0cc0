/** What the rest of the program may use of this room, beside `compiled.ts` and `model/`. */
export * from './compile/index.ts';
export * from './graph/index.ts';
export * from './semantics/index.ts';
export * from './transition/index.ts';
