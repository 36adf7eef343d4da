import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { environmentSchema } from '../../src/platform/config/config.js';

const DOCUMENTS = [
  ...readdirSync('.').filter((name) => name.endsWith('.md')),
  ...readdirSync('docs', { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.md')).map((name) => join('docs', name)),
];

/** What is written between back-quotes and fences is code, not a link. */
function linksOf(file: string): string[] {
  const prose = readFileSync(file, 'utf8').replace(/```[\s\S]*?```/g, '').replace(/`[^`]*`/g, '');
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target ?? '');
}

describe('the documents', () => {
  it.each(DOCUMENTS)('%s links only to files that exist', (file) => {
    const broken = linksOf(file).filter((target) => !/^(https?:|mailto:|#)/.test(target)).filter((target) => !existsSync(join(dirname(file), target.split('#')[0] ?? '')));
    expect(broken).toEqual([]);
  });

  it.each(DOCUMENTS)('%s names only source files that exist', (file) => {
    const named = [...readFileSync(file, 'utf8').matchAll(/`((?:src|test|bench|demo|scripts|migrations)\/[\w./-]+\.\w+)`/g)].map(([, path]) => path ?? '');
    expect([...new Set(named)].filter((path) => !existsSync(path))).toEqual([]);
  });

  it.each([...DOCUMENTS, 'Dockerfile', 'docker-compose.yml'])('%s names only settings that exist', (file) => {
    const known = new Set(Object.keys(environmentSchema.shape));
    const named = [...readFileSync(file, 'utf8').matchAll(/\bLEGATE_[A-Z0-9_]*[A-Z0-9]\b/g)].map(([name]) => name);
    expect([...new Set(named)].filter((name) => !known.has(name))).toEqual([]);
  });
});
