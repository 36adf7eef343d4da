import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { chromium, type Browser, type BrowserContext, type BrowserContextOptions } from 'playwright-core';

/** One browser for each suite; every test opens a context of its own, which is a person with an empty cookie jar. */
export interface Chromium {
  /** A browser window that shares nothing with the others, and everything that went wrong in it. */
  open(options?: BrowserContextOptions): Promise<{ readonly context: BrowserContext; readonly trouble: Trouble }>;
}

/** What a person who opens the developer tools would see in red, and whom the page talked to. */
export interface Trouble {
  /** Errors and warnings of the console (violations of the Content-Security-Policy among them), uncaught errors, failed requests. */
  readonly complaints: readonly string[];
  /** Origins of all requests, each once. */
  readonly origins: ReadonlySet<string>;
}

/** Milliseconds for a test that works through several pages, on a machine that is busy with others. */
export const PATIENCE = 60_000;

const LAUNCH_ARGUMENTS = [
  // Containers and root have no sandbox, and nothing but this machine is visited.
  '--no-sandbox',
  '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync',
  // Whatever a page names elsewhere fails to resolve instead of being fetched.
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1',
];

/**
 * A suite that drives a real browser. Where there is none it is reported as skipped, with the reason in its name, since the
 * tests have to pass on a machine with nothing but Node; in CI it fails instead.
 */
export function describeInChromium(title: string, suite: (browser: Chromium) => void): void {
  const executablePath = chromiumPath();
  if (executablePath === undefined) {
    if (process.env['CI']) return void describe(title, () => { it('has a browser', () => { throw new Error(MISSING); }); });
    process.stderr.write(`Skipped: ${title}: ${MISSING}\n`);
    return void describe.skip(`${title} (${MISSING})`, () => { suite({ open: () => Promise.reject(new Error(MISSING)) }); });
  }
  describe(title, () => {
    let browser: Browser;
    beforeAll(async () => { browser = await chromium.launch({ executablePath, args: LAUNCH_ARGUMENTS }); });
    afterAll(() => browser.close());
    suite({
      open: async (options) => {
        const context = await browser.newContext(options);
        context.setDefaultTimeout(60_000);
        return { context, trouble: watch(context) };
      },
    });
  });
}

const MISSING = 'no Chromium here; install Debian\'s "chromium" or name one in CHROMIUM_PATH';

function chromiumPath(): string | undefined {
  const named = process.env['CHROMIUM_PATH'];
  if (named) return named;
  return (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, 'chromium')).find((file) => existsSync(file));
}

function watch(context: BrowserContext): Trouble {
  const complaints: string[] = [];
  const origins = new Set<string>();
  context.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(`${message.type()}: ${message.text()} (${message.location().url})`);
  });
  context.on('weberror', (error) => { complaints.push(`uncaught: ${String(error.error())}`); });
  context.on('request', (request) => { if (!request.url().startsWith('data:')) origins.add(new URL(request.url()).origin); });
  context.on('requestfailed', (request) => { complaints.push(`failed: ${request.method()} ${request.url()}: ${request.failure()?.errorText}`); });
  return { complaints, origins };
}
