import type { WeirError } from './errors.ts';

/** What `promise` comes to; where that takes longer than `waitMsMax`, a rejection with `late()`. Undefined: it is waited for. */
export async function within<T>(promise: Promise<T>, waitMsMax: number | undefined, late: () => WeirError): Promise<T> {
  if (waitMsMax === undefined) return promise;
  const overdue = Promise.withResolvers<never>();
  const timer = setTimeout(() => overdue.reject(late()), waitMsMax);
  try {
    return await Promise.race([promise, overdue.promise]);
  } finally {
    clearTimeout(timer);
  }
}
