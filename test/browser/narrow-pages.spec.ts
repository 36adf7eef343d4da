import { loadConfig } from '../../src/platform/config/load-config.js';
import { Pages } from '../../src/oidc/pages/pages.js';
import { describeInChromium, PATIENCE } from '../support/chromium.js';

const pages = new Pages(loadConfig({ LEGATE_ISSUER: 'http://localhost:3000' }));
const client = { name: 'Umbrella reminder', host: 'umbrella.example', redirectHost: 'umbrella.example', isVerified: true, isFirstParty: false };

const PAGES: readonly [name: string, html: string][] = [
  ['to sign in', pages.signIn('n', { action: '/', csrfToken: 'x', clientName: client.name, clientHost: client.host })],
  ['to agree', pages.consent('n', {
    action: '/', csrfToken: 'x', client, user: { name: 'Ada Lovelace', email: 'ada@example.com' }, organizationName: 'Analytical Engines', resources: [], offlineAccess: true,
    scopes: [{ name: 'calendar:read', description: 'See your calendar.', isSensitive: false, isNew: true }],
  })],
  ['to sign out', pages.confirmSignOut('n', { action: '/', xsrf: 'x', clientName: client.name })],
  ['of an error', pages.error('n', { title: 'This sign-in cannot go on', message: 'It took too long.', detail: 'x'.repeat(90), code: 'interaction_expired', requestId: '01890000-0000-7000-8000-000000000000' })],
];

/** CSS pixels: a telephone, and the narrowest that WCAG 2.2 asks for (1.4.10). */
const WIDTHS = [390, 320];

describeInChromium('on a narrow screen', (browser) => {
  it.each(PAGES)('the page %s has each button’s label on one line, and nothing beside the screen', async (_name, html) => {
    const { context } = await browser.open();
    const page = await context.newPage();
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: 800 });
      await page.setContent(html);
      // As text: it runs in the page, where there is a document, and this program knows of none.
      const seen = await page.evaluate(`(() => {
        const linesOf = (element) => {
          const range = document.createRange();
          range.selectNodeContents(element);
          return new Set([...range.getClientRects()].map(({ top }) => top)).size;
        };
        const broken = [...document.querySelectorAll('button')].filter((button) => linesOf(button) > 1).map(({ textContent }) => textContent);
        return { broken, width: document.documentElement.scrollWidth };
      })()`) as { broken: string[]; width: number };
      expect({ page: width, broken: seen.broken, width: seen.width }).toEqual({ page: width, broken: [], width });
    }
    await context.close();
  }, PATIENCE);
});
