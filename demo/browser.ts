/**
 * As much of a browser as the sign-in pages need, which work without script: cookies, redirects, forms.
 * It never leaves the origin it was made for.
 */
export interface Page {
  readonly url: URL;
  readonly status: number;
  readonly html: string;
}

const MAX_REDIRECTS = 15;

export class Browser {
  private readonly cookies = new Map<string, string>();

  /** @param origin the only server it talks to */
  constructor(private readonly origin: string) {}

  /** Opens an address and follows redirects. One that leaves the origin ends the journey and is returned unvisited. */
  open(url: URL): Promise<Page | URL> {
    return this.visit(url, { method: 'GET' });
  }

  /**
   * Fills the form that holds the button `buttonId` and sends it as pressing that button would.
   *
   * @param values by the id of the input
   */
  submit(page: Page, buttonId: string, values: Record<string, string> = {}): Promise<Page | URL> {
    const form = formWith(page.html, buttonId);
    const fields = new URLSearchParams();
    for (const attributes of form.inputs) {
      const name = attributes.get('name');
      if (!name || attributes.get('type') === 'submit') continue;
      if ((attributes.get('type') === 'checkbox' || attributes.get('type') === 'radio') && !attributes.has('checked')) continue;
      fields.append(name, values[attributes.get('id') ?? ''] ?? attributes.get('value') ?? '');
    }
    const button = readAttributes(form.button);
    const buttonName = button.get('name');
    if (buttonName) fields.append(buttonName, button.get('value') ?? '');
    const action = new URL(form.attributes.get('action') ?? page.url.href, page.url);
    return this.visit(action, { method: 'POST', body: fields });
  }

  private async visit(start: URL, request: { method: 'GET' | 'POST'; body?: URLSearchParams }): Promise<Page | URL> {
    let url = start;
    let { method, body } = request;
    for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
      const response = await fetch(url, {
        method,
        redirect: 'manual',
        headers: { accept: 'text/html', cookie: [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; '), ...(method === 'POST' ? { origin: this.origin } : {}) },
        ...(body ? { body } : {}),
        signal: AbortSignal.timeout(15_000),
      });
      this.keepCookies(response);
      const location = response.headers.get('location');
      if (response.status < 300 || response.status > 399 || !location) return { url, status: response.status, html: await response.text() };
      await response.arrayBuffer();
      url = new URL(location, url);
      if (url.origin !== this.origin) return url;
      method = 'GET';
      body = undefined;
    }
    throw new Error(`more than ${MAX_REDIRECTS} redirects from ${start.href}`);
  }

  private keepCookies(response: Response): void {
    for (const line of response.headers.getSetCookie()) {
      const [pair = '', ...attributes] = line.split(';').map((part) => part.trim());
      const name = pair.slice(0, pair.indexOf('='));
      const value = pair.slice(pair.indexOf('=') + 1);
      const isGone = attributes.some((attribute) => /^max-age=0$/i.test(attribute) || isPastExpiry(attribute));
      if (isGone || value === '') this.cookies.delete(name);
      else this.cookies.set(name, value);
    }
  }
}

function isPastExpiry(attribute: string): boolean {
  const expires = /^expires=(.*)$/i.exec(attribute)?.[1];
  return expires !== undefined && Date.parse(expires) < Date.now();
}

interface Form {
  readonly attributes: Map<string, string>;
  readonly button: string;
  /** Their attributes. Those between its tags, and those that name it from elsewhere on the page. */
  readonly inputs: Map<string, string>[];
}

function formWith(html: string, buttonId: string): Form {
  for (const [, opening = '', body = ''] of html.matchAll(/(<form\b[^>]*>)([\s\S]*?)<\/form>/g)) {
    const button = [...body.matchAll(/<(?:button|input)\b[^>]*>/g)].map(([tag]) => tag).find((tag) => readAttributes(tag).get('id') === buttonId);
    if (!button) continue;
    const attributes = readAttributes(opening);
    const inputsIn = (text: string) => [...text.matchAll(/<input\b[^>]*>/g)].map(([tag]) => readAttributes(tag));
    const inputs = [...inputsIn(body), ...inputsIn(html.replace(body, '')).filter((input) => input.has('form') && input.get('form') === attributes.get('id'))];
    return { attributes, button, inputs };
  }
  throw new Error(`the page has no form with a button "${buttonId}":\n${html.slice(0, 2000)}`);
}

function readAttributes(tag: string): Map<string, string> {
  const attributes = new Map<string, string>();
  for (const [, name = '', quoted, bare] of tag.matchAll(/\s([a-zA-Z-]+)(?:="([^"]*)"|=([^\s">]+))?/g)) attributes.set(name.toLowerCase(), unescapeHtml(quoted ?? bare ?? ''));
  return attributes;
}

const ENTITIES: Record<string, string> = { '&amp;': '&', '&lt;': '<', '&gt;': '>', '&quot;': '"', '&#39;': "'" };

function unescapeHtml(text: string): string {
  return text.replace(/&(?:amp|lt|gt|quot|#39);/g, (entity) => ENTITIES[entity] ?? entity);
}
