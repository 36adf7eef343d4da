/** Of the names, the one most probably meant, or undefined when none is near. */
export function nearestName(written: string, names: Iterable<string>): string | undefined {
  let nearest: string | undefined;
  let least = Infinity;
  for (const name of names) {
    // LEGATE_PORT for PORT, and LEGATE_ISSUER for ISSUER, are whole hits: people forget which ones carry the prefix.
    const distance = editDistance(bare(written), bare(name));
    if (distance < least) [nearest, least] = [name, distance];
  }
  return least <= Math.max(2, Math.floor(bare(written).length / 4)) ? nearest : undefined;
}

function bare(name: string): string {
  return name.toUpperCase().replace(/^LEGATE_/, '');
}

/** Levenshtein distance: letters to add, drop or change. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= to.length; j += 1) {
      const change = row[j - 1]! + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(change, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[to.length]!;
}
