/** Does something with every item, a dozen at a time: enough to keep a server busy, few enough not to queue up. */
export async function concurrently<T>(items: readonly T[], act: (item: T) => Promise<void>, atOnce = 12): Promise<void> {
  const rest = items.values();
  await Promise.all(Array.from({ length: atOnce }, async () => {
    for (const item of rest) await act(item);
  }));
}

/** Every pair of an item of one list and an item of another. */
export function pairs<A, B>(some: readonly A[], others: readonly B[]): [A, B][] {
  return some.flatMap((one) => others.map((other): [A, B] => [one, other]));
}
