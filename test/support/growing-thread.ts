import '../../src/southbound/thread.ts';

/** The southbound thread, with a leak that fills its memory within moments. */
const leaked: unknown[] = [];
setTimeout(() => {
  for (;;) leaked.push(Array.from({ length: 10_000 }, (_, index) => ({ index })));
}, 2_500);
