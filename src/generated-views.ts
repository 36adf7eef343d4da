import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { errorCatalogue, type SourceText } from './error-catalogue.js';
import { auditEventReference } from './modules/audit/audit-event-reference.js';
import { DEFAULT_POLICIES } from './modules/policies/default-policies.js';
import { productFolder } from './platform/config/version.js';
import { configurationReference, environmentExample } from './platform/config/config-reference.js';

/** A committed file that is made from the code. `npm run generate` writes it, and tests find it when it is stale. */
export interface GeneratedView {
  /** From the root of the repository. */
  readonly path: string;
  /** The whole text. */
  readonly render: () => string | Promise<string>;
  /** It needs what only the build adds to the code, so that tests must render it from `dist`. */
  readonly isFromBuild?: boolean;
}

export const generatedViews: readonly GeneratedView[] = [
  { path: '.env.example', render: environmentExample },
  { path: 'config/policies/default.yaml', render: () => DEFAULT_POLICIES },
  { path: 'docs/audit-events.md', render: auditEventReference },
  { path: 'docs/configuration.md', render: configurationReference },
  { path: 'docs/errors.md', render: () => errorCatalogue(sourceTexts()) },
  { path: 'openapi.json', render: openApiDocument, isFromBuild: true },
];

/**
 * Those views whose committed text is not what the code makes of them now, with the text they should have.
 *
 * @param read the committed text; undefined when there is no such file
 */
export async function staleViews(views: readonly GeneratedView[], read: (path: string) => string | undefined): Promise<{ path: string; text: string }[]> {
  const stale = [];
  for (const { path, render } of views) {
    const text = await render();
    if (read(path) !== text) stale.push({ path, text });
  }
  return stale;
}

/** The sources of the server, without their tests. They lie beside the build only where views are made. */
export function sourceTexts(): SourceText[] {
  return readdirSync(join(productFolder, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.spec.ts')).sort()
    .map((file) => ({ path: join('src', file), text: readFileSync(join(productFolder, 'src', file), 'utf8') }));
}

/** The description of the REST API as a server with default settings gives it, made by starting one that nobody can reach. */
async function openApiDocument(): Promise<string> {
  const { silenceRuntimeNotice } = await import('./runtime-notice.js');
  silenceRuntimeNotice();
  const [{ createApplication }, { loadConfig }, { createLog }, { createOpenApiDocument }, { apiDescription }] = await Promise.all([
    import('./application.js'), import('./platform/config/load-config.js'), import('./platform/logging/create-log.js'), import('./platform/http/openapi.js'),
    import('./api-description.js'),
  ]);
  const folder = await mkdtemp(join(tmpdir(), 'legate-generate-'));
  const config = loadConfig({ LEGATE_DATA_DIR: folder, LOG_LEVEL: 'warn' });
  const app = await createApplication(config, createLog(config, { write: (line) => { process.stderr.write(line); } }));
  try {
    return `${JSON.stringify(createOpenApiDocument(app, config, apiDescription(config)), undefined, 2)}\n`;
  } finally {
    await app.close();
    await rm(folder, { recursive: true, force: true });
  }
}
