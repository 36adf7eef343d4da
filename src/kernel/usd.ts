const MICROS = 1_000_000;
const MOST_DOLLARS = 1_000_000;

/**
 * An amount of US dollars, as a decimal number or as its text, in whole millionths.
 *
 * @returns undefined unless it is an amount from 0 to a million with at most six decimals
 */
export function usdInMicros(amount: unknown): number | undefined {
  // What a number prints as is the shortest decimal that means it: 0.1 is a tenth.
  const text = typeof amount === 'number' ? String(amount) : amount;
  if (typeof text !== 'string') return undefined;
  const [, dollars = '', decimals = ''] = /^(\d{1,7})(?:\.(\d{1,6}))?$/.exec(text) ?? [];
  if (dollars === '') return undefined;
  const micros = Number(dollars) * MICROS + Number(decimals.padEnd(6, '0'));
  return micros <= MOST_DOLLARS * MICROS ? micros : undefined;
}

/** The amount as a decimal number without needless zeros: 12 500 is `0.0125`. */
export function microsAsUsd(micros: number): string {
  const decimals = String(micros % MICROS).padStart(6, '0').replace(/0+$/, '');
  return `${Math.floor(micros / MICROS)}${decimals === '' ? '' : `.${decimals}`}`;
}
