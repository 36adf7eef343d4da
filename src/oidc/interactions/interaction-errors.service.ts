import { Injectable } from '@nestjs/common';
import type { ErrorPage, ErrorPages } from '../../platform/http/error-pages.js';
import type { Problem } from '../../platform/http/problem.js';
import { newNonce, pageHeaders } from '../pages/page-headers.js';
import { Pages } from '../pages/pages.js';
import { INTERACTION_PATH } from '../protocol-routes.js';

const UNAVAILABLE = 'This server cannot answer at the moment. Try again in a minute.';
const BROKEN = 'Something went wrong here. It is not your fault, nor the application’s.';
const UNREADABLE = 'What this page sent did not arrive as it should.';

/** People who sign in or agree get a page when something is wrong, whatever it is, and not a problem document. */
@Injectable()
export class InteractionErrors implements ErrorPages {
  constructor(private readonly pages: Pages) {}

  pageFor(path: string, { status, code, detail, instance }: Problem): ErrorPage | undefined {
    if (!path.startsWith(`${INTERACTION_PATH}/`)) return undefined;
    const nonce = newNonce();
    // What is wrong with a form is for whoever builds pages; everything else that is refused here is said to the person.
    const isUnreadable = code === 'invalid_request' || status === 413 || status === 415;
    const message = status === 503 ? UNAVAILABLE : status >= 500 ? BROKEN : isUnreadable ? UNREADABLE : detail;
    return {
      headers: pageHeaders(nonce),
      html: this.pages.error(nonce, { title: 'This sign-in cannot go on', message, detail: isUnreadable ? detail : undefined, code, requestId: instance }),
    };
  }
}
