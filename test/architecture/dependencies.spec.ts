import { readFileSync } from 'node:fs';

interface Manifest { dependencies: Record<string, string>; devDependencies: Record<string, string>; allowScripts: Record<string, boolean> }
interface Lockfile { packages: Record<string, { version?: string; resolved?: string; hasInstallScript?: boolean; optional?: boolean }> }

const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as Manifest;
const lockfile = JSON.parse(readFileSync('package-lock.json', 'utf8')) as Lockfile;

describe('the dependencies', () => {
  it('are named with exact versions', () => {
    const loose = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies }).filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version));
    expect(loose).toEqual([]);
  });

  it('are locked without naming a registry', () => {
    expect(Object.entries(lockfile.packages).filter(([, entry]) => entry.resolved?.startsWith('http')).map(([name]) => name)).toEqual([]);
  });

  it('run code at install time only where package.json says so', () => {
    const withScripts = Object.entries(lockfile.packages).filter(([, entry]) => entry.hasInstallScript && !entry.optional)
      .map(([path]) => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length));
    expect(withScripts.filter((name) => manifest.allowScripts[name] === undefined)).toEqual([]);
  });
});
