import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';

const root = resolve('.');
const CRUISER = join(root, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');
const RULES = createRequire(join(root, 'package.json'))('./.dependency-cruiser.cjs') as { forbidden: { name: string }[] };

interface Violation { rule: { name: string }; from: string; to: string }

async function violations(folder: string, files: readonly string[]): Promise<Violation[]> {
  const run = promisify(execFile)(process.execPath, [CRUISER, '--config', '.dependency-cruiser.cjs', '--output-type', 'json', ...files], {
    cwd: folder, maxBuffer: 64 * 1024 * 1024, env: { ...process.env, NODE_OPTIONS: '' },
  });
  // The exit code is the number of violations; the report tells which.
  const { stdout } = await run.catch((error: { stdout: string; stderr: string }) => {
    if (!error.stdout) throw new Error(error.stderr);
    return error;
  });
  return (JSON.parse(stdout) as { summary: { violations: Violation[] } }).summary.violations;
}

/** One file for each rule that does what the rule forbids. */
const PLANTS: Record<string, Record<string, string>> = {
  'no-cycles': {
    'src/kernel/planted-hen.ts': `import { egg } from './planted-egg.js';\nexport const hen = () => egg;\n`,
    'src/kernel/planted-egg.ts': `import { hen } from './planted-hen.js';\nexport const egg = () => hen;\n`,
  },
  'kernel-is-plain': { 'src/kernel/planted-framework.ts': `import { Injectable } from '@nestjs/common';\nexport const planted = Injectable;\n` },
  'platform-knows-no-domain': { 'src/platform/http/planted-domain.ts': `import { doneBy } from '../../modules/audit/audit-event.js';\nexport const planted = doneBy;\n` },
  'modules-know-no-protocol': {
    'src/oidc/planted-protocol.ts': 'export const protocol = 1;\n',
    'src/modules/tokens/planted-protocol.ts': `import { protocol } from '../../oidc/planted-protocol.js';\nexport const planted = protocol;\n`,
  },
  'known-modules-only': { 'src/modules/planted/planted.service.ts': `import { now } from '../../kernel/clock.js';\nexport const planted = now;\n` },
  'front-door': {
    'src/modules/audit/planted-inner.ts': 'export const inner = 1;\n',
    'src/modules/tokens/planted-window.ts': `import { inner } from '../audit/planted-inner.js';\nexport const planted = inner;\n`,
  },
  'shared-files-are-pure': { 'src/modules/audit/audit-event.ts': `import { Injectable } from '@nestjs/common';\nexport const doneBy = Injectable;\n` },
  'http-stays-in-its-module': {
    'src/modules/audit/planted.dto.ts': 'export class Planted {}\n',
    'src/oidc/planted-dto.ts': `import { Planted } from '../modules/audit/planted.dto.js';\nexport const planted = Planted;\n`,
  },
  'oidc-provider-in-oidc-only': { 'src/modules/clients/planted-library.ts': `import { Provider } from 'oidc-provider';\nexport const planted = Provider;\n` },
  'provider-internals-in-one-file': { 'src/oidc/planted-internals.ts': `import instance from 'oidc-provider/lib/helpers/weak_cache.js';\nexport const planted = instance;\n` },
  'wiring-is-the-top': {
    'src/planted-wiring.ts': 'export const wiring = 1;\n',
    'src/oidc/planted-wiring.ts': `import { wiring } from '../planted-wiring.js';\nexport const planted = wiring;\n`,
  },
  'server-stands-alone': {
    'test/support/planted.ts': 'export const fixture = 1;\n',
    'src/platform/http/planted-fixture.ts': `import { fixture } from '../../../test/support/planted.js';\nexport const planted = fixture;\n`,
  },
  'migrations-are-frozen': { 'migrations/1-plant-import.ts': `import { now } from '../src/kernel/clock.js';\nexport const planted = now;\n` },
  'no-barrels': { 'src/modules/audit/index.ts': `export * from './audit-event.js';\n` },
  'no-dumping-grounds': {
    'src/platform/utils/planted.ts': 'export const anything = 1;\n',
    'src/platform/http/planted-dump.ts': `import { anything } from '../utils/planted.js';\nexport const planted = anything;\n`,
  },
  'production-dependencies-only': { 'src/oidc/planted-development.ts': `import fc from 'fast-check';\nexport const planted = fc;\n` },
  'everything-resolves': { 'src/oidc/planted-typo.ts': `import { nothing } from './planted-nothing.js';\nexport const planted = nothing;\n` },
};

/** The order has one rule for each module but the last: each plant imports the module at the far right. */
for (const { name } of RULES.forbidden) {
  const left = /^module-order-(.+)$/.exec(name)?.[1];
  if (!left) continue;
  PLANTS[name] = {
    'src/modules/admin/planted.service.ts': 'export const right = 1;\n',
    [`src/modules/${left}/planted-leftwards.ts`]: `import { right } from '../admin/planted.service.js';\nexport const planted = right;\n`,
  };
}

/** Reading the whole tree takes its time on a busy machine. */
const TIMEOUT = 120_000;

describe('the import rules', () => {
  it('hold on the whole tree', async () => {
    expect((await violations(root, ['src', 'migrations'])).map(({ rule, from, to }) => `${rule.name}: ${from} → ${to}`)).toEqual([]);
  }, TIMEOUT);

  it('each have a planted violation, and each finds it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'legate-import-rules-'));
    try {
      for (const part of ['src', 'migrations', 'package.json', 'tsconfig.json', '.dependency-cruiser.cjs']) cpSync(join(root, part), join(folder, part), { recursive: true });
      symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
      for (const [path, text] of Object.values(PLANTS).flatMap((files) => Object.entries(files))) {
        mkdirSync(dirname(join(folder, path)), { recursive: true });
        writeFileSync(join(folder, path), text);
      }
      const found = await violations(folder, Object.values(PLANTS).flatMap((files) => Object.keys(files)));
      const caught = RULES.forbidden.map(({ name }) => ({
        name,
        caught: found.some((violation) => violation.rule.name === name && Object.keys(PLANTS[name] ?? {}).includes(violation.from)),
      }));
      expect(caught).toEqual(RULES.forbidden.map(({ name }) => ({ name, caught: true })));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }, TIMEOUT);
});
