/**
 * What each page shows. Hosts come as `URL.host` gives them (punycode for international names), so that a look-alike
 * letter is seen; names are shown as they are, escaped and isolated.
 */

export interface SignInModel {
  /** Where the form posts `csrf_token`, `username` and `password`. */
  readonly action: string;
  readonly csrfToken: string;
  readonly clientName: string;
  /** Host of the client's own site. */
  readonly clientHost: string;
  /** Shown when it is a `data:` image or lives on this server; anything else is a third party and gives way to a monogram. */
  readonly logoUri?: string;
  readonly loginHint?: string;
  /** One sentence; the same for an unknown person and a wrong password. */
  readonly error?: string;
  /** Set when the error is throttling. Seconds. */
  readonly retryAfterSeconds?: number;
}

export interface ConsentModel {
  /** Where the form posts `csrf_token`, `decision` (`allow` or `deny`), and each `scope` that is still ticked. */
  readonly action: string;
  readonly csrfToken: string;
  readonly client: ConsentClient;
  readonly user: { readonly name: string; readonly email: string };
  readonly organizationName: string;
  readonly scopes: readonly ConsentScope[];
  readonly resources: readonly { readonly name: string; readonly identifier: string }[];
  /** The client asks for a refresh token. */
  readonly offlineAccess: boolean;
  /** Who will act for the person, when that is not simply the client. */
  readonly actor?: { readonly name: string; readonly type: string };
}

export interface ConsentClient {
  readonly name: string;
  /** Host of the client's own site. */
  readonly host: string;
  /** Host, or scheme of a native application, that receives the answer. */
  readonly redirectHost: string;
  readonly isVerified: boolean;
  /** Comes with this server, such as the API documentation. */
  readonly isFirstParty: boolean;
  /** Linked when http or https. */
  readonly policyUri?: string;
  readonly tosUri?: string;
}

export interface ConsentScope {
  /** The scope token, e.g. `calendar:read`. */
  readonly name: string;
  /** What it allows, in plain words. Falls back to the token. */
  readonly description: string;
  readonly isSensitive: boolean;
  /** Not allowed to this client before. */
  readonly isNew: boolean;
}

export interface ErrorModel {
  readonly title: string;
  /** A sentence for the person, who did nothing wrong. */
  readonly message: string;
  /** What the application did wrong, for those who write it. */
  readonly detail?: string;
  readonly code?: string;
  readonly requestId?: string;
}

export interface HandOverModel {
  /** Where the form posts the fields: the client, or this server. */
  readonly action: string;
  readonly fields: Readonly<Record<string, string>>;
  /** The client that waits for an answer; undefined where the session before has to end first. */
  readonly clientName?: string;
}

export interface ConfirmSignOutModel {
  /** oidc-provider's `end_session_confirm`, which takes `xsrf` and, to end the whole session, `logout=yes`. */
  readonly action: string;
  readonly xsrf: string;
  /** The client that asked. */
  readonly clientName?: string;
}

export interface SignedOutModel {
  /** The person chose to stay signed in to this server. */
  readonly hasSession: boolean;
  /** The client that asked, when it alone was signed out of. */
  readonly clientName?: string;
}
