import { readFileSync } from 'node:fs';

const style = readFileSync(new URL('./templates/style.css', import.meta.url), 'utf8');
const [light, dark] = [...style.matchAll(/:root \{([^}]*)\}/g)].map((match) => Object.fromEntries(
  [...match[1]!.matchAll(/--([a-z-]+): (#[0-9a-f]{6});/g)].map(([, name, colour]) => [name, colour]),
));

/** WCAG 2.2, "relative luminance" and "contrast ratio". */
function luminance(colour: string): number {
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const channel = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one: string, other: string): number {
  const [lower, higher] = [luminance(one), luminance(other)].toSorted((a, b) => a - b) as [number, number];
  return (higher + 0.05) / (lower + 0.05);
}

const text: [string, string][] = [
  ['ink', 'surface'], ['ink', 'paper'], ['ink', 'sunken'], ['ink', 'warn-fill'],
  ['ink-soft', 'surface'], ['ink-soft', 'paper'], ['ink-soft', 'sunken'], ['ink-soft', 'warn-fill'],
  ['accent', 'surface'], ['accent', 'sunken'], ['on-accent', 'accent'], ['on-accent', 'accent-strong'],
  ['warn-ink', 'warn-fill'], ['danger-ink', 'danger-fill'], ['danger-ink', 'surface'], ['good-ink', 'good-fill'],
];
const edges: [string, string][] = [['field-line', 'surface'], ['danger-line', 'surface'], ['accent', 'surface'], ['accent', 'paper']];

describe.each([['light', { ...light }], ['dark', { ...light, ...dark }]])('in the %s scheme', (_scheme, colours) => {
  it.each(text)('text in %s on %s has the contrast of WCAG AA (4.5)', (ink, ground) => {
    expect(contrast(colours[ink]!, colours[ground]!)).toBeGreaterThanOrEqual(4.5);
  });

  it.each(edges)('%s is seen against %s (3)', (edge, ground) => {
    expect(contrast(colours[edge]!, colours[ground]!)).toBeGreaterThanOrEqual(3);
  });
});

describe('the style sheet', () => {
  it('takes every colour from the two schemes', () => {
    expect(style.slice(style.indexOf('*, ::before')).match(/#[0-9a-f]{6}\b/gi)).toBeNull();
  });

  it('keeps the focus visible', () => {
    expect(style).toMatch(/:focus-visible \{ outline: 3px/);
    expect([...style.matchAll(/([^\n{}]*) \{[^}]*outline: none/g)].map((match) => match[1])).toEqual(['.view:focus']);
  });
});
