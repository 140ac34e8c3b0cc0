import { parseLabelSelector } from '../admission/index.ts';

type Labels = Readonly<Record<string, string>>;

/** Whether labels satisfy the `labelSelector=` of a query. What an absent label is not, it is not equal to. */
export function selectorOf(text: string): (labels: Labels) => boolean {
  const { matchExpressions } = parseLabelSelector(text);
  return (labels) =>
    matchExpressions.every(({ key, operator, values }) => {
      const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
      switch (operator) {
        case 'Exists':
          return value !== undefined;
        case 'DoesNotExist':
          return value === undefined;
        case 'In':
          return value !== undefined && values.includes(value);
        case 'NotIn':
          return value === undefined || !values.includes(value);
      }
    });
}
