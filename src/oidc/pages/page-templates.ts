import { readFileSync } from 'node:fs';
import { Eta } from 'eta';

export type PageName = 'sign-in' | 'consent' | 'error' | 'signed-out' | 'confirm-sign-out' | 'setup' | 'landing' | 'hand-over';

const HTML: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/**
 * Control characters, bidirectional marks and overrides (CVE-2021-42574) and invisible fillers. The two joiners
 * U+200C and U+200D stay: Persian, Indic scripts and emoji are written with them.
 */
const DECEPTIVE = /[\u0000-\u0008\u000B\u000C\u000E-\u001F\u007F-\u009F\u061C\u200B\u200E\u200F\u2028-\u202E\u2060-\u206F\uFEFF]/g;

/** Makes a value safe as HTML text and attribute, and unable to reorder or hide what stands beside it. */
export function escapeText(value: unknown): string {
  return String(value).replace(DECEPTIVE, '\uFFFD').replace(/[&<>"']/g, (character) => HTML[character]!);
}

function read(file: string): string {
  return readFileSync(new URL(`./templates/${file}`, import.meta.url), 'utf8');
}

const eta = new Eta({ autoEscape: true, escapeFunction: escapeText, cache: true });
for (const name of ['layout', 'icon', 'guilloche', 'sign-in', 'consent', 'error', 'signed-out', 'confirm-sign-out', 'setup', 'landing', 'hand-over']) {
  eta.loadTemplate(`@${name}`, read(`${name}.eta`));
}
const style = read('style.css');
const scripts: { readonly [name in PageName]?: string } = { setup: read('setup.js'), 'hand-over': read('hand-over.js') };

/** Renders one page inside the layout. Everything in `model` is escaped; the style and scripts are our own files. */
export function renderPage(name: PageName, model: object): string {
  return eta.render(`@${name}`, { ...model, style, script: scripts[name] });
}
