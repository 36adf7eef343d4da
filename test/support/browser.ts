/** A person at a browser without script: follows redirects, keeps cookies, fills in forms. */
export class FormBrowser {
  private readonly cookies = new Map<string, { value: string; path: string }>();
  /** Of the request that was opened last: a client may be served by the server itself. */
  private redirectUri: string | undefined;
  /** How each form that it sent was answered, oldest first. */
  readonly formAnswers: number[] = [];

  /** @param headers sent with everything, as a proxy in front would add them */
  constructor(private readonly headers: Readonly<Record<string, string>> = {}) {}

  /** Follows redirects until a page, or until the client's redirect URI, which nobody opens. */
  async open(url: string, init: RequestInit = {}): Promise<{ url: string; status: number; html: string; headers: Headers }> {
    let current = url;
    let request: RequestInit = init;
    const redirectUri = new URL(url).searchParams.get('redirect_uri');
    if (redirectUri) this.redirectUri = redirectUri;
    for (let hop = 0; hop < 12; hop += 1) {
      const response = await fetch(current, { ...request, redirect: 'manual', headers: { accept: 'text/html', ...this.headers, ...request.headers as object, cookie: this.cookieHeader(current) } });
      this.keep(response);
      if (request.method === 'POST') this.formAnswers.push(response.status);
      const location = response.headers.get('location');
      if (response.status < 300 || response.status >= 400 || !location) return { url: current, status: response.status, html: await response.text(), headers: response.headers };
      const next = new URL(location, current);
      if (next.origin !== new URL(url).origin || (this.redirectUri && next.href.startsWith(`${this.redirectUri}?`))) return { url: next.href, status: response.status, html: '', headers: response.headers };
      current = next.href;
      request = {};
    }
    throw new Error(`too many redirects from ${url}`);
  }

  /** Submits the page's only form, with these fields filled in. */
  async submit(page: { url: string; html: string }, fields: Record<string, string>, unticked: readonly string[] = []) {
    const action = /<form[^>]*\saction="([^"]*)"/.exec(page.html)?.[1];
    if (!action) throw new Error(`no form on ${page.url}:\n${page.html.slice(0, 2000)}`);
    const inputs = [...page.html.matchAll(/<input[^>]*type="(?:hidden|checkbox)"[^>]*>/g)].map(([tag]) => tag)
      .filter((tag) => tag.includes('type="hidden"') || (/\schecked[\s>]/.test(tag) && !unticked.includes(attribute(tag, 'value'))));
    const body = new URLSearchParams(inputs.map((tag): [string, string] => [attribute(tag, 'name'), attribute(tag, 'value')]));
    for (const [name, value] of Object.entries(fields)) body.set(name, value);
    return this.open(new URL(unescape(action), page.url).href, { method: 'POST', body: body.toString(), headers: { 'content-type': 'application/x-www-form-urlencoded' } });
  }

  /** Signs in and agrees, from an authorization URL to the client's redirect URI. */
  async authorize(url: string, person: { email: string; password: string }, decision: 'allow' | 'deny' = 'allow', unticked: readonly string[] = []): Promise<URL> {
    let page = await this.open(url);
    for (let step = 0; step < 4 && page.html !== ''; step += 1) {
      if (page.html.includes('id="login-submit"')) page = await this.submit(page, { username: person.email, password: person.password });
      else if (page.html.includes('id="consent-allow"')) page = await this.submit(page, { decision }, unticked);
      else throw new Error(`neither sign-in nor consent at ${page.url} (${page.status}):\n${page.html.slice(0, 3000)}`);
    }
    return new URL(page.url);
  }

  /** The values of the cookies it holds, as somebody would need them to be this browser. */
  cookieValues(): string[] {
    return [...this.cookies.values()].map(({ value }) => value.slice(value.indexOf('=') + 1));
  }

  private keep(response: Response): void {
    for (const line of response.headers.getSetCookie()) {
      const [pair = '', ...attributes] = line.split(';').map((part) => part.trim());
      const equals = pair.indexOf('=');
      const name = pair.slice(0, equals);
      const isGone = attributes.some((part) => /^expires=Thu, 01 Jan 1970/i.test(part)) || pair.slice(equals + 1) === '';
      const path = attributes.find((part) => /^path=/i.test(part))?.slice(5) ?? '/';
      if (isGone) this.cookies.delete(`${name};${path}`);
      else this.cookies.set(`${name};${path}`, { value: pair, path });
    }
  }

  /** What it would send of its cookies. */
  cookieHeader(url: string): string {
    const { pathname } = new URL(url);
    return [...this.cookies.values()].filter(({ path }) => pathname.startsWith(path)).map(({ value }) => value).join('; ');
  }
}

function attribute(tag: string, name: string): string {
  return unescape(new RegExp(`\\s${name}="([^"]*)"`).exec(tag)?.[1] ?? '');
}

function unescape(text: string): string {
  return text.replaceAll('&amp;', '&').replaceAll('&quot;', '"').replaceAll('&#39;', "'").replaceAll('&lt;', '<').replaceAll('&gt;', '>');
}
